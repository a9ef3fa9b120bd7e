/*
 * stream_source.c -- what a walk through a provider's stream takes from the tables.
 */
#include "postgres.h"

#include "catalog/provider_lookup.h"
#include "queue/execution.h"
#include "queue/stream_source.h"

/* Names of a provider's streams: "issues, comments". */
static char *
stream_names(const CnProvider *provider)
{
	const CnJson *streams = cn_json_get(cn_provider_definition(provider), "streams");
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; streams && streams->type == CN_JSON_OBJECT && i < streams->len; i++)
		appendStringInfo(&names, "%s%s", i ? ", " : "", streams->u.members[i].key);
	return names.data;
}

static const CnStream *
find_stream(const pg_uuid_t *workspace, const char *provider_name, const char *label,
			const char *name, MemoryContext context, CnFailure *failure)
{
	const CnProvider *provider = cn_provider_find(workspace, provider_name, context);
	const CnStream *stream;
	CnProviderAbsence why;

	if (provider == NULL)
	{
		why = cn_provider_absence(workspace, provider_name);
		cn_fail(failure, CN_CONFIG_INVALID, "%s", why.message);
		failure->hint = pstrdup(why.hint);
		return NULL;
	}
	stream = cn_stream_compile(provider, name, label);
	if (stream)
		return stream;
	cn_fail(failure, CN_CONFIG_INVALID, "provider \"%s\" has no stream \"%s\"",
			cn_provider_name(provider), name);
	if (cn_json_get(cn_json_get(cn_provider_definition(provider), "actions"), name))
		failure->hint = "It is an action; connector_call() calls those.";
	else
		failure->hint = psprintf("Its streams are: %s.", stream_names(provider));
	return NULL;
}

CnStreamSource *
cn_stream_source_open(const pg_uuid_t *workspace, const char *owner, const char *provider,
					  const char *label, const char *stream, MemoryContext context,
					  CnFailure *failure)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	const CnStream *compiled = find_stream(workspace, provider, label, stream, context, failure);
	CnStreamSource *source = NULL;

	if (compiled)
	{
		source = palloc0(sizeof(CnStreamSource));
		source->workspace = *workspace;
		source->owner = owner ? pstrdup(owner) : NULL;
		source->context = context;
		source->stream = compiled;
		source->name = psprintf("%s.%s", compiled->provider, compiled->name);
		source->credentials = cn_execution_credentials(workspace, compiled->definition,
													   source->owner, context);
		source->limits = cn_service_limit_set(workspace, context);
	}
	MemoryContextSwitchTo(old);
	return source;
}

static bool
reopen(CnStreamSource *source, int i)
{
	return cn_execution_reopen(source->credentials, i, source->stream->definition,
							   &source->workspace, source->owner, source->context);
}

CnRenewal
cn_stream_source_renew(CnStreamSource *source, int i, CnRenewReason reason, bool now,
					   CnFailure *failure)
{
	CnRenewal	renewal = cn_execution_renew(source->credentials, i, reason, failure);

	if (renewal != CN_RENEWAL_READY || reason == CN_RENEW_EARLY)
		return renewal;
	if (!now)
	{
		source->stale = true;
		return CN_RENEWAL_WAIT;
	}
	return reopen(source, i) ? CN_RENEWAL_READY : CN_RENEWAL_WAIT;
}

void
cn_stream_source_refresh(CnStreamSource *source)
{
	const CnDefinition *definition = source->stream->definition;

	if (!source->stale)
		return;
	source->stale = false;
	for (int i = 0; i < definition->credential_count; i++)
		if (source->credentials[i].opened && source->credentials[i].opened->renewable)
			(void) reopen(source, i);
}

/*
 * execution.c -- what is the same for an execution whether a session or a worker runs it.
 */
#include "postgres.h"

#include "auth/token_wait.h"
#include "catalog/provider_connect.h"
#include "core/uuid.h"
#include "credentials/store.h"
#include "queue/execution.h"
#include "stats/stats.h"

/*
 * A credential of the definition, opened; NULL and *failure.  Of a provider's, parameters that
 * were not stored are those of the provider.
 */
static CnCredential *
open_credential(const CnCredentialRef *ref, const pg_uuid_t *workspace, const char *owner,
				MemoryContext context, CnFailure *failure)
{
	CnCredential *opened = cn_credential_for(workspace, ref->service, ref->label, owner, context,
											 failure);
	MemoryContext old;

	if (opened == NULL || ref->defaults == NULL)
		return opened;
	old = MemoryContextSwitchTo(context);
	opened->parameters = (CnJson *) cn_provider_complete(opened->parameters, ref->defaults);
	MemoryContextSwitchTo(old);
	return opened;
}

CnExecCredential *
cn_execution_credentials(const pg_uuid_t *workspace, const CnDefinition *definition,
						 const char *owner, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	CnExecCredential *list = palloc0(sizeof(CnExecCredential) * (definition->credential_count + 1));

	for (int i = 0; i < definition->credential_count; i++)
	{
		const CnCredentialRef *ref = &definition->credentials[i];

		list[i].opened = open_credential(ref, workspace, owner, context, &list[i].failure);
		if (list[i].opened == NULL && list[i].failure.hint == NULL && ref->hint)
			list[i].failure.hint = unconstify(char *, ref->hint);
	}
	MemoryContextSwitchTo(old);
	return list;
}

CnRenewal
cn_execution_renew(const CnExecCredential *list, int i, CnRenewReason reason, CnFailure *failure)
{
	const CnCredential *credential = list[i].opened;
	char		why[CN_TOKEN_WHY_LEN];

	switch (cn_token_ask(&credential->workspace, &credential->id, credential->generation,
						 reason != CN_RENEW_AGAIN, why))
	{
		case CN_TOKEN_PENDING:
			return CN_RENEWAL_WAIT;
		case CN_TOKEN_NEWER:
			return CN_RENEWAL_READY;
		case CN_TOKEN_FAILED:
			break;
	}
	cn_fail(failure, CN_AUTH_FAILED, "%s", why);
	return CN_RENEWAL_FAILED;
}

bool
cn_execution_reopen(CnExecCredential *list, int i, const CnDefinition *definition,
					const pg_uuid_t *workspace, const char *owner, MemoryContext context)
{
	const CnCredentialRef *ref = &definition->credentials[i];
	const CnCredential *old = list[i].opened;
	CnFailure	failure = {CN_OK};
	CnCredential *fresh = open_credential(ref, workspace, owner, context, &failure);

	if (fresh == NULL || (cn_uuid_equal(&fresh->id, &old->id) && fresh->generation <= old->generation))
		return false;
	list[i].opened = fresh;
	return true;
}

void
cn_execution_describe(const CnConnector *connector, CnExecInput *given)
{
	given->connector = connector->id;
	given->timeout_ms = connector->timeout_ms;
	given->max_retries = connector->max_retries;
	given->continue_on_error = connector->continue_on_error;
	given->keep = connector->log_response_data ? CN_KEEP_PAYLOADS : CN_KEEP_NONE;
}

void
cn_execution_count(const CnExecution *execution, const CnConnector *connector, bool success)
{
	TimestampTz at = cn_exec_started_at(execution);
	const pg_uuid_t *first = NULL;

	for (int i = 0; i < cn_exec_step_count(execution); i++)
	{
		const pg_uuid_t *used = cn_exec_used_credential(execution, i);

		if (first == NULL)
			first = used;
		else if (used && used != first)
			cn_stats_used(&connector->workspace, &connector->id, used, at);
	}
	cn_stats_count(&connector->workspace, &connector->id, first, success, at);
}

int
cn_execution_retries(const CnExecution *execution)
{
	int			retries = 0;

	for (int i = 0; i < cn_exec_step_count(execution); i++)
		retries += Max(cn_exec_step(execution, i)->attempts - 1, 0);
	return retries;
}

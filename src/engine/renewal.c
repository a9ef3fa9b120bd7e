/*
 * renewal.c -- is the token of a step's credential good, and where does a later one come from?
 *
 * The engine asks no token endpoint: its owner says whether a later token has come, and has
 * put it into the list of credentials then.  A token that is due is used on while it is
 * good; one that has ended, or that the remote has refused, is waited for, on the step's timer
 * and not beyond the execution's deadline.
 */
#include "postgres.h"

#include "core/clock.h"
#include "core/uuid.h"
#include "engine/internal.h"

static char connect_hint[] =
	"Connect the account again: connector_oauth_authorize_url() for an account with a login, connector_oauth_connect() for others.";

/* ---- is it good? ---- */

static bool
has_ended(const CnCredential *credential)
{
	return credential->token_expires_at != DT_NOEND && credential->token_expires_at <= cn_now();
}

static bool
can_renew(const CnStep *step)
{
	const CnCredential *credential = step->secrets.credential;

	return credential && credential->renewable && credential->refused == NULL &&
		step->execution->given.renew != NULL;
}

/* The list's credential, if it is later than the step's; else NULL. */
static const CnCredential *
later_one(const CnStep *step)
{
	const CnCredential *own = step->secrets.credential;
	const CnCredential *now = step->execution->given.credentials[step->def->credential].opened;

	if (now == NULL || now == own ||
		(cn_uuid_equal(&now->id, &own->id) && now->generation <= own->generation))
		return NULL;
	return now;
}

/* ---- failures ---- */

/* What the remote said stands; why there was no other token is added. */
static void
stay_rejected(CnStep *step, const char *why)
{
	CnFailure  *failure = &step->record.failure;

	*failure = step->rejection;
	failure->message = psprintf("%s; a new token could not be had: %s", failure->message, why);
	failure->hint = connect_hint;
}

static CnRenewal
fail_renewal(CnStep *step, const char *why)
{
	const CnCredential *credential = step->secrets.credential;

	step->renewing = false;
	if (step->rejected)
	{
		stay_rejected(step, why);
		return CN_RENEWAL_FAILED;
	}
	cn_fail(&step->record.failure, CN_AUTH_FAILED,
			"the token of credential \"%s/%s\" has ended, and a new one could not be had: %s",
			credential->service, credential->label, why);
	step->record.failure.hint = connect_hint;
	return CN_RENEWAL_FAILED;
}

/* ---- renewing ---- */

static CnRenewal
ask(CnStep *step, CnRenewReason reason, CnFailure *failure)
{
	const CnExecInput *given = &step->execution->given;

	return given->renew(step->execution, step->def->credential, reason, failure, given->renew_arg);
}

/* It is due: have it renewed, and go on with it. */
static void
ask_early(CnStep *step)
{
	CnFailure	ignored = {CN_OK};
	const CnCredential *credential = step->secrets.credential;

	if (can_renew(step) && credential->renew_at != DT_NOEND && credential->renew_at <= cn_now())
		(void) ask(step, CN_RENEW_EARLY, &ignored);
}

/* Take the list's credential. */
static CnRenewal
adopt(CnStep *step)
{
	step->renewing = step->rejected = false;
	return cn_step_prepare_request(step) ? CN_RENEWAL_READY : CN_RENEWAL_FAILED;
}

CnRenewal
cn_step_renew(CnStep *step)
{
	const CnCredential *credential = step->secrets.credential;
	CnFailure	failure = {CN_OK};
	CnRenewal	renewal;

	if (credential == NULL || !cn_auth_renews(credential))
		return CN_RENEWAL_READY;
	if (later_one(step))
		return adopt(step);
	if (!step->rejected && !has_ended(credential))
	{
		ask_early(step);
		return CN_RENEWAL_READY;
	}
	if (!can_renew(step))
		return fail_renewal(step, credential->refused ? credential->refused
							: "nobody knows how to renew it");
	renewal = ask(step, step->renewing ? CN_RENEW_AGAIN : CN_RENEW_FIRST, &failure);
	step->renewing = true;
	if (renewal == CN_RENEWAL_FAILED)
		return fail_renewal(step, failure.message);
	return renewal == CN_RENEWAL_READY && later_one(step) ? adopt(step) : CN_RENEWAL_WAIT;
}

/*
 * A rule says so, or a bare 401 does (RFC 6750, section 3.1): whatever the request is, the remote
 * did not do what it asks for.
 */
bool
cn_step_reject_token(CnStep *step)
{
	bool		asked = step->action == CN_ACTION_REFRESH_TOKEN;
	bool		bare = step->action == CN_ACTION_DEFAULT && step->record.failure.http_status == 401;
	const CnCredential *credential = step->secrets.credential;

	if ((!asked && !bare) || credential == NULL || step->refreshed)
		return false;
	step->rejection = step->record.failure;
	if (credential->refused)
		stay_rejected(step, credential->refused);
	if (!can_renew(step) || cn_exec_remaining_ms(step->execution) <= 0)
		return false;
	step->refreshed = step->rejected = true;
	return true;
}

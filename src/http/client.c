/*
 * client.c -- start, read and release transfers.
 *
 * A transfer lives in the context its caller names and borrows an easy handle
 * with its buffers from the mux; a callback on the context gives that back, so
 * any error, cancel or reset ends the transfer at once.  The reply's strings
 * are the handle's own and are good until then.
 */
#include "http/client.h"

#include "core/clock.h"
#include "http/internal.h"

/* What the reply of a released transfer, or of one whose mux is gone, points to. */
static void
clear_reply(CnHttpReply *reply)
{
	reply->body = "";
	reply->body_len = 0;
	reply->content_type = "";
	reply->url = "";
}

/*
 * http_detach -- end a transfer and part it from its mux, whatever its state.
 *
 * Never throws; does nothing if that was done before.
 */
void
http_detach(CnHttpTransfer *transfer)
{
	CnHttpMux  *mux = transfer->mux;
	HttpSlot   *slot = transfer->slot;

	if (mux == NULL)
		return;
	if (transfer->queued)
		dlist_delete(&transfer->finished_node);
	if (!transfer->complete || transfer->queued)
		mux->in_flight--;
	transfer->queued = false;
	transfer->complete = true;
	dlist_delete(&transfer->node);
	transfer->mux = NULL;
	transfer->slot = NULL;
	clear_reply(&transfer->reply);
	if (slot)
		http_slot_release(slot);
}

/* transfer_gone -- memory context callback. */
static void
transfer_gone(void *arg)
{
	http_detach(arg);
}

/* transfer_create -- a transfer on the mux's list, nothing started. */
static CnHttpTransfer *
transfer_create(CnHttpMux *mux, const CnHttpRequest *request, MemoryContext context,
				CnHttpDone done, void *arg)
{
	CnHttpTransfer *transfer = MemoryContextAllocZero(context, sizeof(CnHttpTransfer));

	transfer->context = context;
	transfer->request = *request;
	transfer->done = done;
	transfer->arg = arg;
	clear_reply(&transfer->reply);
	transfer->mux = mux;
	dlist_push_tail(&mux->transfers, &transfer->node);
	mux->in_flight++;
	transfer->callback.func = transfer_gone;
	transfer->callback.arg = transfer;
	MemoryContextRegisterResetCallback(context, &transfer->callback);
	return transfer;
}

CnHttpTransfer *
cn_http_start(CnHttpMux *mux, const CnHttpRequest *request, MemoryContext context,
			  CnHttpDone done, void *arg)
{
	CnHttpTransfer *transfer = transfer_create(mux, request, context, done, arg);
	MemoryContext oldcontext = MemoryContextSwitchTo(context);

	if (http_request_check(transfer))
		http_hop_begin(transfer);
	else
	{
		transfer->complete = true;
		transfer->reply.never_left = true;
		http_queue_finished(transfer, mux->turn + 1);
	}
	MemoryContextSwitchTo(oldcontext);
	return transfer;
}

const CnHttpReply *
cn_http_reply(const CnHttpTransfer *transfer)
{
	return &transfer->reply;
}

const char *
cn_http_reply_header(const CnHttpTransfer *transfer, const char *name, int i)
{
	struct curl_header *header;

	if (transfer->slot == NULL || !transfer->complete || i < 0)
		return NULL;
	if (curl_easy_header(transfer->slot->easy, name, i, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return NULL;
	return header->value;
}

void
cn_http_release(CnHttpTransfer *transfer)
{
	http_detach(transfer);
}

void
cn_http_init(void)
{
	http_settings_init();
}

/*
 * sigv4.h -- AWS Signature Version 4 in the Authorization header.  Pure.
 *
 * "Create a signed AWS API request", AWS Identity and Access Management User
 * Guide; for S3: "Signature Calculations for the Authorization Header".
 */
#ifndef CN_AUTH_SIGV4_H
#define CN_AUTH_SIGV4_H

#include "auth/signing.h"

typedef struct CnSigv4
{
	const char *access_key_id;
	const char *secret_access_key;
	const char *region;
	const char *service;
	bool		path_as_is;		/* S3: the path is neither normalized nor encoded a second time */
	bool		encode_twice;	/* all others (paths of the vectors are not encoded yet) */
} CnSigv4;

#define CN_SIGV4_DATE_SIZE 17	/* 20150830T123600Z and a NUL */
#define CN_SIGV4_HASH_SIZE 65	/* 32 bytes in hex and a NUL */

/*
 * Append the canonical request for a body of that hash.  Every header of input is
 * signed, and Host.  signed_headers gets their names: "host;x-amz-date".
 */
extern void cn_sigv4_canonical_request(StringInfo out, StringInfo signed_headers,
									   const CnSigv4 *how, const CnSignInput *input,
									   const char *body_hash);

/* SHA-256 of the body, in hex, as x-amz-content-sha256 has it. */
extern bool cn_sigv4_body_hash(const CnSignInput *input, char *hash);

/* now as x-amz-date has it. */
extern void cn_sigv4_date(int64 now_ms, char *date);

/*
 * Append the value of the Authorization header to header, and the signature alone to
 * signature.  input has x-amz-date among its headers, with date.  False if the
 * digest cannot be had.
 */
extern bool cn_sigv4_sign(StringInfo header, StringInfo signature, const CnSigv4 *how,
						  const CnSignInput *input, const char *date, const char *body_hash);

#endif							/* CN_AUTH_SIGV4_H */

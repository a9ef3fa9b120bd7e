-- Credentials that sign requests: secrets and parameters that cannot work are refused when they are stored, and
-- nothing of a secret is in what is said of it.
\pset format unaligned
\pset tuples_only on

SET ROLE regress_anna;
CREATE FUNCTION pg_temp.set(kind text, secret jsonb, parameters jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT t.try(format('SELECT connector_credential_set(%L, %L, %L, %L, ARRAY[%L]) IS NOT NULL',
        'signed', secret, kind, parameters, 'h.example.com')) $$;

-- A key made for this test.
CREATE FUNCTION pg_temp.key() RETURNS text LANGUAGE sql AS $$ SELECT
'-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg3fgZ5TzkpLrBsj9L
zyt3lC1LmKr2N9CdhlPgQRT9CN6hRANCAASgk9yXcUOgm5tcW7B23ot+UbvU2w/t
jpnNJRJxEzMy4RA5Bi8x+z1/rNveifqQ8oehrCKDtp9ONfqpkscMLmt+
-----END PRIVATE KEY-----
' $$;

\echo # digest
SELECT n, pg_temp.set('digest', s) FROM (VALUES
    (1, '{"username": "u"}'::jsonb),
    (2, '{"password": "p"}'),
    (3, '{"username": "a:b", "password": "p"}'),
    (4, '{"username": "a", "password": "p\n"}'),
    (5, '{"username": "a", "password": "p:"}')) v(n, s) ORDER BY n;

\echo # oauth1
SELECT n, pg_temp.set('oauth1', s, p) FROM (VALUES
    (1, '{"consumer_key": "k"}'::jsonb, '{}'::jsonb),
    (2, '{"consumer_secret": "s"}', '{}'),
    (3, '{"consumer_key": "k", "consumer_secret": "s", "token_secret": "t"}', '{}'),
    (4, '{"consumer_key": "k", "consumer_secret": "s", "token": "a\nb"}', '{}'),
    (5, '{"consumer_key": "k", "consumer_secret": "s"}', '{"token": "t"}'),
    (6, '{"consumer_key": "k", "consumer_secret": "s"}', '{"signature_method": "PLAINTEXT"}'),
    (7, '{"consumer_key": "k", "consumer_secret": "s"}', '{"realm": 1}'),
    (8, '{"consumer_key": "k", "consumer_secret": "s"}', '{"realm": "{account}"}'),
    (9, '{"consumer_key": "k", "consumer_secret": "s"}', '{"realm": "{consumer_key}"}'),
    (10, '{"consumer_key": "k", "consumer_secret": "s"}', '{"realm": "a\r\nb"}'),
    (11, '{"consumer_key": "k", "consumer_secret": "s"}', '{"realm": "{account|shout}", "account": "a"}'),
    (12, '{"consumer_key": "k", "consumer_secret": "s"}', '{}'),
    (13, '{"consumer_key": "k", "consumer_secret": "s", "token": "t"}',
        '{"realm": "{account|upper}", "account": "a", "signature_method": "HMAC-SHA256"}')) v(n, s, p) ORDER BY n;

\echo # jwt
SELECT n, pg_temp.set('jwt', s, p) FROM (VALUES
    (1, '{}'::jsonb, '{}'::jsonb),
    (2, '{"secret": "s"}', '{}'),
    (3, '{"private_key": "k"}', '{"algorithm": "HS256"}'),
    (4, '{"private_key": "k"}', '{"algorithm": "none"}'),
    (5, '{"private_key": "k"}', '{"algorithm": "ES256"}'),
    (6, '{"private_key": 7}', '{"algorithm": "ES256"}'),
    (7, '{"private_key": "a\u0001b"}', '{"algorithm": "ES256"}'),
    (8, jsonb_build_object('private_key', pg_temp.key()), '{}'),
    (9, jsonb_build_object('private_key', replace(pg_temp.key(), E'\n', ' ')), '{"algorithm": "ES256"}'),
    (10, jsonb_build_object('private_key', left(pg_temp.key(), 150)), '{"algorithm": "ES256"}'),
    (11, '{"secret": "s"}', '{"algorithm": "HS256", "private_key": "k"}'),
    (12, '{"secret": "s"}', '{"algorithm": "HS256", "passphrase": "k"}'),
    (13, '{"secret": ""}', '{"algorithm": "HS256"}'),
    (14, '{"secret": "s"}', '{"algorithm": "HS256", "lifetime": "soon"}'),
    (15, '{"secret": "s"}', '{"algorithm": "HS256", "lifetime": 86401}'),
    (16, '{"secret": "s"}', '{"algorithm": "HS256", "lifetime": -1}'),
    (17, '{"secret": "s"}', '{"algorithm": "HS256", "lifetime": 1.5}'),
    (18, '{"secret": "s"}', '{"algorithm": "HS256", "backdated": 3601}'),
    (19, '{"secret": "s"}', '{"algorithm": "HS256", "not_before": "yes"}'),
    (20, '{"secret": "s"}', '{"algorithm": "HS256", "name": "a b"}'),
    (21, '{"secret": "s"}', '{"algorithm": "HS256", "name": "Host"}'),
    (22, '{"secret": "s"}', '{"algorithm": "HS256", "prefix": "a\n"}'),
    (23, '{"secret": "s"}', '{"algorithm": "HS256", "claims": "iss"}'),
    (24, '{"secret": "s"}', '{"algorithm": "HS256", "claims": {"iss": "{account}"}}'),
    (25, '{"secret": "s"}', '{"algorithm": "HS256", "claims": {"iss": "{secret}"}}'),
    (26, '{"secret": "s"}', '{"algorithm": "HS256", "claims": {"iss": "{fingerprint}"}}'),
    (27, '{"secret": "s"}', '{"algorithm": "HS256", "header": {"kid": ["{key}"]}}'),
    (28, '{"secret": "s"}', '{"algorithm": "HS256", "other": {"a": 1}}'),
    (29, '{"secret": "s"}', '{"algorithm": "HS256", "lifetime": "60", "claims": {"iss": "{account}"}, "account": "a"}'),
    (30, jsonb_build_object('private_key', pg_temp.key()),
        '{"algorithm": "ES256", "claims": {"iss": "{fingerprint}"}, "header": {"kid": "1"}, "not_before": true}')
    ) v(n, s, p) ORDER BY n;

\echo # aws_sigv4
SELECT n, pg_temp.set('aws_sigv4', s, p) FROM (VALUES
    (1, '{"access_key_id": "k"}'::jsonb, '{}'::jsonb),
    (2, '{"secret_access_key": "k"}', '{}'),
    (3, '{"access_key_id": "k", "secret_access_key": "s"}', '{}'),
    (4, '{"access_key_id": "k", "secret_access_key": "s"}', '{"region": "us-east-1"}'),
    (5, '{"access_key_id": "k", "secret_access_key": "s"}', '{"region": "", "service": "s3"}'),
    (6, '{"access_key_id": "k", "secret_access_key": "s"}', '{"region": "us/east", "service": "s3"}'),
    (7, '{"access_key_id": "k", "secret_access_key": "s"}', '{"region": "us-east-1", "service": "s3", "session_token": "t"}'),
    (8, '{"access_key_id": "k", "secret_access_key": "s", "session_token": "t\n"}', '{"region": "us-east-1", "service": "s3"}'),
    (9, '{"access_key_id": "k", "secret_access_key": "s", "session_token": "t"}', '{"region": "us-east-1", "service": "s3"}')
    ) v(n, s, p) ORDER BY n;

\echo # hmac
SELECT n, pg_temp.set('hmac', '{"secret": "s-0123456789", "key_id": "id-0123456789"}'::jsonb || s, p) FROM (VALUES
    (1, '{}'::jsonb, '{}'::jsonb),
    (2, '{}', '{"string_to_sign": {"a": 1}}'),
    (3, '{}', '{"string_to_sign": "{body}", "algorithm": "sha3"}'),
    (4, '{}', '{"string_to_sign": "{body}", "mode": "cmac"}'),
    (5, '{}', '{"string_to_sign": "{body}", "encoding": "base32"}'),
    (6, '{}', '{"string_to_sign": "{body}", "secret_encoding": "rot13"}'),
    (7, '{}', '{"string_to_sign": "{body}", "secret_encoding": "hex"}'),
    (8, '{"secret": "0g"}', '{"string_to_sign": "{body}", "secret_encoding": "hex"}'),
    (9, '{}', '{"string_to_sign": "{body}", "timestamp": "minutes"}'),
    (10, '{}', '{"string_to_sign": "{body}", "in": "body"}'),
    (11, '{}', '{"string_to_sign": "{body}", "name": "a b"}'),
    (12, '{}', '{"string_to_sign": "{body}", "name": "Content-Length"}'),
    (13, '{}', '{"string_to_sign": "{body}{salt}"}'),
    (14, '{}', '{"string_to_sign": "{secret}{body}"}'),
    (15, '{}', '{"string_to_sign": "{body}", "value": "{secret}"}'),
    (16, '{}', '{"string_to_sign": "{body}", "value": "{signatur}"}'),
    (17, '{}', '{"string_to_sign": "{signature}"}'),
    (18, '{}', '{"string_to_sign": "{body}", "headers": "X-Key"}'),
    (19, '{}', '{"string_to_sign": "{body}", "headers": {"X-Key": 1}}'),
    (20, '{}', '{"string_to_sign": "{body}", "headers": {"X Key": "1"}}'),
    (21, '{}', '{"string_to_sign": "{body}", "headers": {"X-Key": "{secret}"}}'),
    (22, '{}', '{"string_to_sign": "{body}", "headers": {"X-Key": "a\nb"}}'),
    (23, '{}', '{"string_to_sign": "{body}", "headers": {"a": "", "b": "", "c": "", "d": "", "e": "", "f": "", "g": "", "h": ""}}'),
    (24, '{}', '{"string_to_sign": "{body}", "query": {"k": "{secret}"}}'),
    (25, '{}', '{"string_to_sign": "{body}", "secret": "s"}'),
    (26, '{}', '{"string_to_sign": "{body}", "query": {"k": "{key_id}"}, "headers": {"X-Key": "{key_id}"}}'),
    (27, '{}', '{"string_to_sign": "{timestamp}{secret}", "mode": "digest", "algorithm": "md5"}'),
    (28, '{"secret": "00ff"}', '{"string_to_sign": "{method}{url}", "secret_encoding": "hex", "in": "query", "name": "s i g"}')
    ) v(n, s, p) ORDER BY n;

SELECT connector_credential_delete('signed');
RESET ROLE;

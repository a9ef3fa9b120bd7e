/*
 * test_url.c -- URLs, origins, allowed hosts and references.
 */
#include "http/url.h"

#include "tap.h"

/* parts -- "scheme host port target ip?" of url, or the problem. */
static const char *
parts(const char *url)
{
	CnUrl		parsed;
	const char *problem = "no problem given";

	if (!cn_url_parse(url, &parsed, &problem))
		return problem;
	return psprintf("%s %s %d %s%s", parsed.https ? "https" : "http", parsed.host, parsed.port,
					parsed.target, parsed.host_is_ip ? " ip" : "");
}

static const struct
{
	const char *url;
	const char *parts;
}			urls[] = {
	{"http://a/", "http a 80 /"},
	{"https://a", "https a 443 /"},
	{"HTTPS://API.Example.COM/Path?Q=1", "https api.example.com 443 /Path?Q=1"},
	{"https://a?x=1", "https a 443 /?x=1"},
	{"https://a:8443/", "https a 8443 /"},
	{"https://a.b./x", "https a.b 443 /x"},
	{"https://a/../b/./c", "https a 443 /../b/./c"},
	{"https://a//b?c?d", "https a 443 //b?c?d"},
	{"https://a/@b:c", "https a 443 /@b:c"},
	{"https://under_score.example/", "https under_score.example 443 /"},
	{"https://a/\xc3\xa9", "https a 443 /\xc3\xa9"},
	{"https://xn--bcher-kva.example/", "https xn--bcher-kva.example 443 /"},
	{"http://1.2.3.4/", "http 1.2.3.4 80 / ip"},
	{"http://127.0.0.1./", "http 127.0.0.1 80 / ip"},
	{"http://2130706433/", "http 127.0.0.1 80 / ip"},
	{"http://0x7f000001/", "http 127.0.0.1 80 / ip"},
	{"http://0X7F.1/", "http 127.0.0.1 80 / ip"},
	{"http://017700000001/", "http 127.0.0.1 80 / ip"},
	{"http://0177.0.0.01/", "http 127.0.0.1 80 / ip"},
	{"http://127.1/", "http 127.0.0.1 80 / ip"},
	{"http://10.1.258/", "http 10.1.1.2 80 / ip"},
	{"http://0/", "http 0.0.0.0 80 / ip"},
	{"http://0x/", "http 0.0.0.0 80 / ip"},
	{"http://169.254.43518/", "http 169.254.169.254 80 / ip"},
	{"http://4294967295/", "http 255.255.255.255 80 / ip"},
	{"http://[::1]/", "http ::1 80 / ip"},
	{"http://[0:0:0:0:0:0:0:1]:81/", "http ::1 81 / ip"},
	{"http://[::FFFF:127.0.0.1]/", "http ::ffff:127.0.0.1 80 / ip"},
	{"http://1a/", "http 1a 80 /"},
	{"http://1.2.3.4.example/", "http 1.2.3.4.example 80 /"},
	{"http://0xg.1a/", "http 0xg.1a 80 /"},

	{"", "URL does not begin with http:// or https://"},
	{"/path", "URL does not begin with http:// or https://"},
	{"//host/path", "URL does not begin with http:// or https://"},
	{"ftp://a/", "URL does not begin with http:// or https://"},
	{"file:///etc/passwd", "URL does not begin with http:// or https://"},
	{"http:/a", "URL does not begin with http:// or https://"},
	{"http:a", "URL does not begin with http:// or https://"},
	{"javascript:1", "URL does not begin with http:// or https://"},
	{"http://", "host is empty"},
	{"http:///x", "host is empty"},
	{"http://:80/", "host is empty"},
	{"http://?x", "host is empty"},
	{"http://./", "host is malformed"},
	{"http://a..b/", "host is malformed"},
	{"http://.a/", "host is malformed"},
	{"http://a../", "host is malformed"},
	{"http://a%2eb/", "host is malformed"},
	{"http://a\\b/", "host is malformed"},
	{"http://a.com\\@b.com/", "user name or password in the URL"},
	{"http://a,b/", "host is malformed"},
	{"http://\xc3\xa9.example/", "host is malformed"},
	{"http://u@h/", "user name or password in the URL"},
	{"http://u:p@h/", "user name or password in the URL"},
	{"http://@h/", "user name or password in the URL"},
	{"http://h/#f", "fragment in the URL"},
	{"http://h#@evil/", "fragment in the URL"},
	{"http://h/ x", "white space or a control character in the URL"},
	{" http://h/", "white space or a control character in the URL"},
	{"http://h/\r\nX: y", "white space or a control character in the URL"},
	{"http://h/\x7f", "white space or a control character in the URL"},
	{"http://h\t/", "white space or a control character in the URL"},
	{"http://h:/", "port is malformed"},
	{"http://h:0/", "port is malformed"},
	{"http://h:65536/", "port is malformed"},
	{"http://h:80a/", "port is malformed"},
	{"http://h:-1/", "port is malformed"},
	{"http://h:+80/", "port is malformed"},
	{"http://h:000080/", "port is malformed"},
	{"http://a:80:81/", "port is malformed"},
	{"http://[::1]x/", "port is malformed"},
	{"http://[::1/", "host is malformed"},
	{"http://[]/", "host is not a valid IPv6 address"},
	{"http://[fe80::1%25eth0]/", "host is not a valid IPv6 address"},
	{"http://[1.2.3.4]/", "host is not a valid IPv6 address"},
	{"http://::1/", "host is empty"},
	{"http://1.2.3.256/", "host is not a valid IPv4 address"},
	{"http://1.2.3.4.5/", "host is not a valid IPv4 address"},
	{"http://256.1/", "host is not a valid IPv4 address"},
	{"http://1.16777216/", "host is not a valid IPv4 address"},
	{"http://4294967296/", "host is not a valid IPv4 address"},
	{"http://08/", "host is not a valid IPv4 address"},
	{"http://a.b.1/", "host is not a valid IPv4 address"},
};

static const struct
{
	const char *url;
	const char *entry;
	bool		matches;
}			entries[] = {
	{"https://api.example.com/x", "api.example.com", true},
	{"https://api.example.com/x", "API.Example.com.", true},
	{"https://api.example.com./x", "api.example.com", true},
	{"https://api.example.com:443/x", "api.example.com", true},
	{"https://api.example.com/x", "https://api.example.com", true},
	{"https://api.example.com/x", "api.example.com:443", true},
	{"https://api.example.com:8443/x", "api.example.com", false},
	{"https://api.example.com:8443/x", "api.example.com:8443", true},
	{"http://api.example.com/x", "api.example.com", false},
	{"http://api.example.com/x", "http://api.example.com", true},
	{"https://api.example.com/x", "http://api.example.com", false},
	{"http://api.example.com:443/x", "api.example.com", false},
	{"http://api.example.com:8080/x", "http://api.example.com:8080", true},
	{"https://api.example.com/x", "example.com", false},
	{"https://api.example.com/x", "*.example.com", true},
	{"https://a.b.example.com/x", "*.example.com", true},
	{"https://example.com/x", "*.example.com", false},
	{"https://evilexample.com/x", "*.example.com", false},
	{"https://api.example.com.evil.org/", "*.example.com", false},
	{"https://api.example.com:8443/", "*.example.com:8443", true},
	{"http://api.example.com/", "http://*.example.com", true},
	{"https://1.2.3.4/", "1.2.3.4", true},
	{"https://16909060/", "1.2.3.4", true},
	{"https://1.2.3.4/", "*.3.4", false},
	{"https://[::1]/", "[0:0::1]", true},
	{"https://a/", "", false},
	{"https://a/", "*", false},
	{"https://a.com/", "*.", false},
	{"https://a/", "a/", false},
};

static const struct
{
	const char *entry;
	const char *problem;		/* NULL: valid */
}			checks[] = {
	{"a", NULL}, {"*.a.b:1", NULL}, {"http://a", NULL}, {"[::1]:8443", NULL},
	{"", "host is empty"}, {"*.", "host is empty"}, {"*", "host is malformed"},
	{"a.*.b", "host is malformed"}, {"**.a", "host is malformed"},
	{"a/b", "path in an allowed host"}, {"https://a/", "path in an allowed host"},
	{"u@a", "user name or password in the URL"}, {"ftp://a", "path in an allowed host"},
	{"a:x", "port is malformed"}, {"*.1.2.3.4", "wildcard before an IP address"},
	{"a b", "white space or a control character in the URL"},
};

static const char *const origins[] = {
	"http://a/x?y", "http://a", "https://a:443/", "https://a", "https://a:80/", "https://a:80",
	"http://[::1]:8080/secret", "http://[::1]:8080", "https://1.2.3.4/", "https://1.2.3.4",
};

static void
test_long_hosts(void)
{
	char		url[600];
	CnUrl		parsed;
	const char *problem;

	for (int len = 62; len <= 64; len++)
	{
		snprintf(url, sizeof(url), "http://%.*s/", len,
				 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
		tap_ok(cn_url_parse(url, &parsed, &problem) == (len <= 63), "label of %d", len);
	}
	strcpy(url, "http://");
	for (int i = 0; i < 126; i++)
		strcat(url, "a.");
	strcat(url, "a");
	tap_ok(cn_url_parse(url, &parsed, &problem), "host of 253");
	strcat(url, "a");
	tap_ok(!cn_url_parse(url, &parsed, &problem), "host of 254");
}

static void
test_origins(void)
{
	for (int i = 0; i < lengthof(origins); i += 2)
	{
		CnUrl		url;
		const char *problem;

		tap_ok(cn_url_parse(origins[i], &url, &problem), "%s", origins[i]);
		(void) cn_url_parse(origins[i], &url, &problem);
		tap_is(cn_url_origin(&url), origins[i + 1], "origin of %s", origins[i]);
	}
}

/* same -- have two URLs the same origin? */
static bool
same(const char *left, const char *right)
{
	CnUrl		a;
	CnUrl		b;
	const char *problem;

	return cn_url_parse(left, &a, &problem) && cn_url_parse(right, &b, &problem) &&
		cn_url_same_origin(&a, &b);
}

static const struct
{
	const char *base;
	const char *reference;
	const char *url;
}			references[] = {
	/* RFC 3986, section 5.4.2 */
	{"http://a/b/c/d;p?q", "../../../g", "http://a/g"},
	{"http://a/b/c/d;p?q", "../../../../g", "http://a/g"},
	{"http://a/b/c/d;p?q", "/./g", "http://a/g"},
	{"http://a/b/c/d;p?q", "/../g", "http://a/g"},
	{"http://a/b/c/d;p?q", "g.", "http://a/b/c/g."},
	{"http://a/b/c/d;p?q", ".g", "http://a/b/c/.g"},
	{"http://a/b/c/d;p?q", "g..", "http://a/b/c/g.."},
	{"http://a/b/c/d;p?q", "..g", "http://a/b/c/..g"},
	{"http://a/b/c/d;p?q", "./../g", "http://a/b/g"},
	{"http://a/b/c/d;p?q", "./g/.", "http://a/b/c/g/"},
	{"http://a/b/c/d;p?q", "g/./h", "http://a/b/c/g/h"},
	{"http://a/b/c/d;p?q", "g/../h", "http://a/b/c/h"},
	{"http://a/b/c/d;p?q", "g;x=1/./y", "http://a/b/c/g;x=1/y"},
	{"http://a/b/c/d;p?q", "g;x=1/../y", "http://a/b/c/y"},
	{"http://a/b/c/d;p?q", "g?y/./x", "http://a/b/c/g?y/./x"},
	{"http://a/b/c/d;p?q", "g?y/../x", "http://a/b/c/g?y/../x"},
	{"http://a/b/c/d;p?q", "g#s/../x", "http://a/b/c/g"},
	{"http://a/b/c/d;p?q", "http:g", "http:g"},

	/* RFC 3986, section 5.4.1, but that fragments are left out */
	{"http://a/b/c/d;p?q", "g:h", "g:h"},
	{"http://a/b/c/d;p?q", "g", "http://a/b/c/g"},
	{"http://a/b/c/d;p?q", "./g", "http://a/b/c/g"},
	{"http://a/b/c/d;p?q", "g/", "http://a/b/c/g/"},
	{"http://a/b/c/d;p?q", "/g", "http://a/g"},
	{"http://a/b/c/d;p?q", "//g", "http://g"},
	{"http://a/b/c/d;p?q", "?y", "http://a/b/c/d;p?y"},
	{"http://a/b/c/d;p?q", "g?y", "http://a/b/c/g?y"},
	{"http://a/b/c/d;p?q", "#s", "http://a/b/c/d;p?q"},
	{"http://a/b/c/d;p?q", "g?y#s", "http://a/b/c/g?y"},
	{"http://a/b/c/d;p?q", ";x", "http://a/b/c/;x"},
	{"http://a/b/c/d;p?q", "", "http://a/b/c/d;p?q"},
	{"http://a/b/c/d;p?q", ".", "http://a/b/c/"},
	{"http://a/b/c/d;p?q", "./", "http://a/b/c/"},
	{"http://a/b/c/d;p?q", "..", "http://a/b/"},
	{"http://a/b/c/d;p?q", "../", "http://a/b/"},
	{"http://a/b/c/d;p?q", "../g", "http://a/b/g"},
	{"http://a/b/c/d;p?q", "../..", "http://a/"},
	{"http://a/b/c/d;p?q", "../../g", "http://a/g"},

	{"https://a:8443/x/y?to=/z/", "b", "https://a:8443/x/b"},
	{"https://a?x=/y/", "b", "https://a/b"},
	{"https://a?x=/y/", "", "https://a/?x=/y/"},
	{"https://a", "?", "https://a/?"},
	{"https://a/x", "//b:1/y?z", "https://b:1/y?z"},
	{"https://a/x", "HTTP://b/y#z", "HTTP://b/y"},
	{"https://a/x", "/.//b/y", "https://a//b/y"},
	{"https://a/x", "/..//b/y", "https://a//b/y"},
	{"https://a/x/y", "a//../b", "https://a/x/a/b"},
	{"https://a/x/y", "1:b", "https://a/x/1:b"},
	{"https://a/x/y", "./b:c", "https://a/x/b:c"},
	{"https://a/x/y", "b?c:d", "https://a/x/b?c:d"},
	{"https://a/x/y", ":b", "https://a/x/:b"},
	{"https://[::1]:81/x", "y", "https://[::1]:81/y"},
};

static void
test_resolve(void)
{
	for (int i = 0; i < lengthof(references); i++)
	{
		CnUrl		base;
		const char *problem;
		bool		parsed = cn_url_parse(references[i].base, &base, &problem);

		tap_is(parsed ? cn_url_resolve(&base, references[i].reference) : problem,
			   references[i].url, "\"%s\" at %s", references[i].reference, references[i].base);
	}
}

int
main(void)
{
	for (int i = 0; i < lengthof(urls); i++)
		tap_is(parts(urls[i].url), urls[i].parts, "%s", urls[i].url);
	for (int i = 0; i < lengthof(entries); i++)
	{
		CnUrl		url;
		const char *problem;
		bool		parsed = cn_url_parse(entries[i].url, &url, &problem);

		tap_ok(parsed && cn_url_host_matches(&url, entries[i].entry) == entries[i].matches,
			   "%s %s %s", entries[i].url, entries[i].matches ? "is" : "is not",
			   entries[i].entry);
	}
	for (int i = 0; i < lengthof(checks); i++)
	{
		const char *problem = NULL;
		bool		valid = cn_url_host_entry_valid(checks[i].entry, &problem);

		tap_is(valid ? NULL : problem, checks[i].problem, "entry \"%s\"", checks[i].entry);
	}
	tap_ok(same("http://a/x", "HTTP://A:80/y"), "same origin");
	tap_ok(!same("http://a/", "https://a/"), "other scheme");
	tap_ok(!same("https://a/", "https://a:444/"), "other port");
	tap_ok(!same("https://a/", "https://b/"), "other host");
	test_origins();
	test_resolve();
	test_long_hosts();
	return tap_done();
}

/*
 * test_address.c -- which addresses may be connected to, and the list setting.
 */
#include "http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "tap.h"

/* allowed -- cn_address_allowed for text, with networks listed (NULL: none). */
static bool
allowed(const char *text, const char *listed)
{
	struct sockaddr_storage address = {0};
	CnNetwork  *networks = NULL;
	const char *problem;
	int			count = listed ? cn_networks_parse(listed, &networks, &problem) : 0;
	bool		result;

	address.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (count < 0 || inet_pton(address.ss_family, text, address.ss_family == AF_INET6 ?
							   (void *) &((struct sockaddr_in6 *) &address)->sin6_addr :
							   (void *) &((struct sockaddr_in *) &address)->sin_addr) != 1)
		abort();
	result = cn_address_allowed((struct sockaddr *) &address, networks, count);
	free(networks);
	return result;
}

static const char *const refused[] = {
	"0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.100.100.200",
	"100.127.255.255", "127.0.0.1", "127.255.255.255", "168.63.129.16", "169.254.0.1",
	"169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1",
	"192.88.99.1", "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255",
	"198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.255", "240.0.0.1",
	"255.255.255.255",
	"::", "::1", "::2", "::7f00:1", "::10.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
	"::ffff:169.254.169.254", "::ffff:0:10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1",
	"64:ff9b:1::8.8.8.8", "100::1", "2001::1", "2001:2::1", "2001:10::1", "2001:20::1",
	"2001:db8::1", "2001:db8:ffff::1", "2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::",
	"2001:0:808:808:0:0:f5ff:fffe",	/* Teredo, client 10.0.0.1 */
	"2001:0:a00:1:0:0:f7f7:f7f7",	/* Teredo, server 10.0.0.1 */
	"3fff::1", "3fff:fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fdff::1",
	"fe80::1", "febf::1", "fec0::1", "ff00::1", "ff02::1", "ffff::1",
};

static const char *const open_to_all[] = {
	"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
	"126.255.255.255", "128.0.0.1", "168.63.129.15", "169.253.255.255", "169.255.0.0",
	"172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0",
	"198.17.255.255", "198.20.0.0", "198.51.99.255", "203.0.114.0", "223.255.255.255",
	"::8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2001:200::1", "2002:808:808::1",
	"2001:0:808:808:0:0:f7f7:f7f7", "2001:4860:4860::8888", "2606:4700:4700::1111",
	"2a00:1450:4001::1", "3ffe::1", "3fff:1000::1",
};

static const struct
{
	const char *address;
	const char *listed;
	bool		allowed;
}			lists[] = {
	{"127.0.0.1", "127.0.0.1", true},
	{"127.0.0.2", "127.0.0.1", false},
	{"127.0.0.2", "127.0.0.0/8", true},
	{"10.1.2.3", "192.168.0.0/16, 10.0.0.0/8", true},
	{"10.1.2.3", "10.1.2.2/31", true},
	{"10.1.2.4", "10.1.2.2/31", false},
	{"10.1.2.3", "0.0.0.0/0", true},
	{"10.1.2.3", "::/0", false},
	{"10.1.3.3", "10.1.2.7/23", true},	/* bits behind the prefix are ignored */
	{"::1", "::1", true},
	{"::1", "127.0.0.1", false},
	{"::ffff:10.0.0.1", "10.0.0.0/8", true},
	{"64:ff9b::10.0.0.1", "10.0.0.0/8", true},
	{"64:ff9b::10.0.0.1", "64:ff9b::/96", true},
	{"2002:a00:1::1", "10.0.0.1", true},
	{"2001:0:808:808:0:0:f5ff:fffe", "10.0.0.1", true},
	{"fd12:3456::1", "fd12:3456::/32", true},
	{"fd12:3457::1", "fd12:3456::/32", false},
	{"fe80::1", "fe80::/10", true},
};

static const struct
{
	const char *text;
	int			count;
}			texts[] = {
	{"", 0}, {"  \t", 0}, {"1.2.3.4", 1}, {" 1.2.3.4 , ::/0 ", 2}, {"::1,fd00::/8,10.0.0.0/8", 3},
	{"0.0.0.0/0", 1}, {"1.2.3.4/032", 1},
	{",", -1}, {"1.2.3.4,", -1}, {",1.2.3.4", -1}, {"1.2.3.4,,::1", -1}, {"1.2.3", -1},
	{"1.2.3.4/33", -1}, {"::/129", -1}, {"1.2.3.4/", -1}, {"1.2.3.4/-1", -1}, {"1.2.3.4/ 8", -1},
	{"1.2.3.4/8/8", -1}, {"0x7f.1", -1}, {"017.0.0.1", -1}, {"localhost", -1}, {"[::1]", -1},
	{"fe80::1%eth0", -1}, {"1.2.3.4 5.6.7.8", -1}, {"1.2.3.4/0000", -1},
	{"11111111111111111111111111111111111111111111111111111111111111", -1},
};

static void
test_parse(void)
{
	for (int i = 0; i < lengthof(texts); i++)
	{
		CnNetwork  *networks;
		const char *problem = NULL;
		int			count = cn_networks_parse(texts[i].text, &networks, &problem);

		tap_is_int(count, texts[i].count, "list \"%s\"", texts[i].text);
		if (count < 0)
			tap_ok(problem != NULL && networks == NULL, "problem of \"%s\"", texts[i].text);
		free(networks);
	}
}

int
main(void)
{
	struct sockaddr_un local = {.sun_family = AF_UNIX};

	for (int i = 0; i < lengthof(refused); i++)
		tap_ok(!allowed(refused[i], NULL), "%s is refused", refused[i]);
	for (int i = 0; i < lengthof(open_to_all); i++)
		tap_ok(allowed(open_to_all[i], NULL), "%s is allowed", open_to_all[i]);
	for (int i = 0; i < lengthof(lists); i++)
		tap_ok(allowed(lists[i].address, lists[i].listed) == lists[i].allowed,
			   "%s with %s", lists[i].address, lists[i].listed);
	tap_ok(!cn_address_allowed((struct sockaddr *) &local, NULL, 0), "no unix sockets");
	test_parse();
	return tap_done();
}

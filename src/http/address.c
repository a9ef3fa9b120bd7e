/*
 * address.c -- which addresses may be connected to.  Pure.
 *
 * The answer is given for the address a socket is about to be opened to, not
 * for a name: what a name resolved to a moment ago is of no interest.
 *
 * IPv4 is public unless a table says otherwise.  IPv6 is the other way round:
 * only 2000::/3 has ever been given out as global unicast, so all else is
 * refused and a table lists the exceptions inside it.  Addresses that carry an
 * IPv4 address are judged by that, since the packet will end up there.
 */
#include "http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

/*
 * Not globally reachable, by the IANA special-purpose registries (RFC 6890
 * and its updates), plus one address clouds give a meaning of their own.
 */
static const CnNetwork special_v4[] = {
	{AF_INET, {0}, 8},			/* "this network", unspecified */
	{AF_INET, {10}, 8},			/* private */
	{AF_INET, {100, 64}, 10},	/* shared (carrier NAT; also cloud metadata) */
	{AF_INET, {127}, 8},		/* loopback */
	{AF_INET, {168, 63, 129, 16}, 32},	/* Azure's host agent and metadata */
	{AF_INET, {169, 254}, 16},	/* link-local, metadata services */
	{AF_INET, {172, 16}, 12},	/* private */
	{AF_INET, {192, 0, 0}, 24}, /* IETF protocol assignments */
	{AF_INET, {192, 0, 2}, 24}, /* documentation */
	{AF_INET, {192, 88, 99}, 24},	/* former 6to4 relays */
	{AF_INET, {192, 168}, 16},	/* private */
	{AF_INET, {198, 18}, 15},	/* benchmarking */
	{AF_INET, {198, 51, 100}, 24},	/* documentation */
	{AF_INET, {203, 0, 113}, 24},	/* documentation */
	{AF_INET, {224}, 4},		/* multicast */
	{AF_INET, {240}, 4},		/* reserved, broadcast */
};

static const CnNetwork global_v6 = {AF_INET6, {0x20}, 3};

static const CnNetwork special_v6[] = {
	{AF_INET6, {0x20, 0x01}, 23},	/* IETF protocol assignments */
	{AF_INET6, {0x20, 0x01, 0x0d, 0xb8}, 32},	/* documentation */
	{AF_INET6, {0x3f, 0xff}, 20},	/* documentation (RFC 9637) */
};

/* Prefixes with an IPv4 address at the given byte; Teredo's second one is inverted. */
static const struct
{
	CnNetwork	prefix;
	int			offset;
	bool		inverted;
}			embedding[] = {
	{{AF_INET6, {0}, 96}, 12, false},	/* IPv4-compatible (RFC 4291) */
	{{AF_INET6, {[10] = 0xff, [11] = 0xff}, 96}, 12, false},	/* IPv4-mapped */
	{{AF_INET6, {[8] = 0xff, [9] = 0xff}, 96}, 12, false},	/* IPv4-translated (RFC 2765) */
	{{AF_INET6, {0x00, 0x64, 0xff, 0x9b}, 96}, 12, false},	/* NAT64 (RFC 6052) */
	{{AF_INET6, {0x20, 0x02}, 16}, 2, false},	/* 6to4 (RFC 3056) */
	{{AF_INET6, {0x20, 0x01, 0x00, 0x00}, 32}, 4, false},	/* Teredo server (RFC 4380) */
	{{AF_INET6, {0x20, 0x01, 0x00, 0x00}, 32}, 12, true},	/* Teredo client */
};

/* network_covers -- do the first bits of address equal those of network? */
static bool
network_covers(const CnNetwork *network, int family, const unsigned char *address)
{
	int			bytes = network->bits / 8;
	int			rest = network->bits % 8;

	if (network->family != family || memcmp(network->address, address, bytes) != 0)
		return false;
	return rest == 0 || ((network->address[bytes] ^ address[bytes]) >> (8 - rest)) == 0;
}

/* any_covers -- is address in one of count networks? */
static bool
any_covers(const CnNetwork *networks, int count, int family, const unsigned char *address)
{
	for (int i = 0; i < count; i++)
	{
		if (network_covers(&networks[i], family, address))
			return true;
	}
	return false;
}

static bool
v4_allowed(const unsigned char *address, const CnNetwork *networks, int count)
{
	return any_covers(networks, count, AF_INET, address) ||
		!any_covers(special_v4, lengthof(special_v4), AF_INET, address);
}

/*
 * embedded_allowed -- judge an IPv6 address by the IPv4 addresses inside.
 *
 * Returns false if it carries none; otherwise sets *allowed.
 */
static bool
embedded_allowed(const unsigned char *address, const CnNetwork *networks, int count,
				 bool *allowed)
{
	bool		found = false;

	*allowed = true;
	for (int i = 0; i < lengthof(embedding); i++)
	{
		unsigned char inner[4];

		if (!network_covers(&embedding[i].prefix, AF_INET6, address))
			continue;
		found = true;
		for (int j = 0; j < 4; j++)
			inner[j] = address[embedding[i].offset + j] ^ (embedding[i].inverted ? 0xff : 0);
		if (!v4_allowed(inner, networks, count))
			*allowed = false;
	}
	return found;
}

static bool
v6_allowed(const unsigned char *address, const CnNetwork *networks, int count)
{
	bool		allowed;

	if (any_covers(networks, count, AF_INET6, address))
		return true;
	if (embedded_allowed(address, networks, count, &allowed))
		return allowed;
	return network_covers(&global_v6, AF_INET6, address) &&
		!any_covers(special_v6, lengthof(special_v6), AF_INET6, address);
}

bool
cn_address_allowed(const struct sockaddr *addr, const CnNetwork *networks, int count)
{
	if (addr->sa_family == AF_INET)
		return v4_allowed((const unsigned char *) &((const struct sockaddr_in *) addr)->sin_addr,
						  networks, count);
	if (addr->sa_family == AF_INET6)
		return v6_allowed((const unsigned char *) &((const struct sockaddr_in6 *) addr)->sin6_addr,
						  networks, count);
	return false;
}

/* parse_bits -- the number after the slash, 0..max, or -1. */
static int
parse_bits(const char *text, int max)
{
	int			bits = 0;

	if (*text == '\0' || strlen(text) > 3)
		return -1;
	for (; *text; text++)
	{
		if (*text < '0' || *text > '9')
			return -1;
		bits = bits * 10 + (*text - '0');
	}
	return bits <= max ? bits : -1;
}

/*
 * parse_network -- one entry, without white space around it.
 *
 * Bits after the prefix may be set and are ignored, as they are when compared.
 */
static bool
parse_network(const char *entry, size_t len, CnNetwork *network, const char **problem)
{
	char		text[INET6_ADDRSTRLEN + 4];
	char	   *slash;
	int			max;

	*problem = "an entry is not an IP address or CIDR block";
	if (len == 0 || len >= sizeof(text) || memchr(entry, '\0', len))
		return false;
	memcpy(text, entry, len);
	text[len] = '\0';
	slash = strchr(text, '/');
	if (slash)
		*slash = '\0';
	memset(network, 0, sizeof(*network));
	network->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(network->family, text, network->address) != 1)
		return false;
	max = network->family == AF_INET6 ? 128 : 32;
	network->bits = slash ? parse_bits(slash + 1, max) : max;
	if (network->bits < 0)
	{
		*problem = "a prefix length is not a number from 0 to 32 (IPv6: 128)";
		return false;
	}
	return true;
}

int
cn_networks_parse(const char *text, CnNetwork **networks, const char **problem)
{
	size_t		capacity = 1;
	int			count = 0;

	*networks = NULL;
	if (text[strspn(text, " \t\r\n")] == '\0')
		return 0;
	for (const char *p = text; *p; p++)
		capacity += *p == ',';
	*networks = malloc(capacity * sizeof(CnNetwork));
	if (*networks == NULL)
	{
		*problem = "out of memory";
		return -1;
	}
	for (;;)
	{
		size_t		len;
		size_t		trimmed;

		text += strspn(text, " \t\r\n");
		len = strcspn(text, ",");
		for (trimmed = len; trimmed > 0 && strchr(" \t\r\n", text[trimmed - 1]); trimmed--)
			 ;
		if (!parse_network(text, trimmed, &(*networks)[count], problem))
		{
			free(*networks);
			*networks = NULL;
			return -1;
		}
		count++;
		if (text[len] == '\0')
			return count;
		text += len + 1;
	}
}

/*
 * preload.c -- what has to be loaded with AddressSanitizer into a program that was not made for it.
 *
 * The runtime settles in at the first malloc, and then asks the dynamic linker for this function of Swift's.  Where
 * it is missing the linker makes an error message, in the user's language, which takes glibc's lock of locales.  In
 * the server that first malloc is newlocale's, called by a constructor of libp11-kit, which holds that lock: it is
 * broken from then on, and the process hangs when it exits.  So the function is here.
 */
#include <stddef.h>

char *swift_demangle(const char *mangled, size_t len, char *out, size_t *out_len, unsigned flags);

char *
swift_demangle(const char *mangled, size_t len, char *out, size_t *out_len, unsigned flags)
{
	return NULL;
}

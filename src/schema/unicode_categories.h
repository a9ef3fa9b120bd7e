/*
 * unicode_categories.h -- the general category of every code point.  Pure.
 */
#ifndef CN_SCHEMA_UNICODE_CATEGORIES_H
#define CN_SCHEMA_UNICODE_CATEGORIES_H

#include "core/pure.h"

/* One bit each, so that a set of categories is a mask. */
#define CN_GC_LU 0x00000001
#define CN_GC_LL 0x00000002
#define CN_GC_LT 0x00000004
#define CN_GC_LM 0x00000008
#define CN_GC_LO 0x00000010
#define CN_GC_MN 0x00000020
#define CN_GC_MC 0x00000040
#define CN_GC_ME 0x00000080
#define CN_GC_ND 0x00000100
#define CN_GC_NL 0x00000200
#define CN_GC_NO 0x00000400
#define CN_GC_PC 0x00000800
#define CN_GC_PD 0x00001000
#define CN_GC_PS 0x00002000
#define CN_GC_PE 0x00004000
#define CN_GC_PI 0x00008000
#define CN_GC_PF 0x00010000
#define CN_GC_PO 0x00020000
#define CN_GC_SM 0x00040000
#define CN_GC_SC 0x00080000
#define CN_GC_SK 0x00100000
#define CN_GC_SO 0x00200000
#define CN_GC_ZS 0x00400000
#define CN_GC_ZL 0x00800000
#define CN_GC_ZP 0x01000000
#define CN_GC_CC 0x02000000
#define CN_GC_CF 0x04000000
#define CN_GC_CS 0x08000000
#define CN_GC_CO 0x10000000
#define CN_GC_CN 0x20000000

#define CN_GC_LETTER (CN_GC_LU | CN_GC_LL | CN_GC_LT | CN_GC_LM | CN_GC_LO)
#define CN_GC_MARK (CN_GC_MN | CN_GC_MC | CN_GC_ME)
#define CN_GC_NUMBER (CN_GC_ND | CN_GC_NL | CN_GC_NO)
#define CN_GC_PUNCTUATION \
	(CN_GC_PC | CN_GC_PD | CN_GC_PS | CN_GC_PE | CN_GC_PI | CN_GC_PF | CN_GC_PO)
#define CN_GC_SYMBOL (CN_GC_SM | CN_GC_SC | CN_GC_SK | CN_GC_SO)
#define CN_GC_SEPARATOR (CN_GC_ZS | CN_GC_ZL | CN_GC_ZP)
#define CN_GC_OTHER (CN_GC_CC | CN_GC_CF | CN_GC_CS | CN_GC_CO | CN_GC_CN)

/* From code point start on, up to the start of the next run. */
typedef struct CnUnicodeRun
{
	uint32		start;
	uint32		category;
} CnUnicodeRun;

extern const CnUnicodeRun cn_unicode_runs[];
extern const int cn_unicode_nruns;

#endif							/* CN_SCHEMA_UNICODE_CATEGORIES_H */

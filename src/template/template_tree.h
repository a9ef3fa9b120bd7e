/*
 * template_tree.h -- a compiled text template, between template.c and url_place.c.  Pure.
 */
#ifndef CN_TEMPLATE_TEMPLATE_TREE_H
#define CN_TEMPLATE_TEMPLATE_TREE_H

#include "template/template.h"

/* How the value of one reference is let into the text. */
typedef enum RefPlace
{
	REF_PLAIN,
	REF_COMPONENT,				/* percent-encoded; may be empty */
	REF_HEADER,
	REF_URL_BASE,
	REF_URL_HOST,				/* in the authority; may bring a port if it is the last part */
	REF_URL_PORT,				/* in the authority, behind a colon */
	REF_URL_SEGMENT				/* in the path */
} RefPlace;

/* Literal text, already in the form it is rendered in, or one reference. */
typedef struct Part
{
	const char *text;			/* NULL: expr counts */
	int			len;
	CnExpr	   *expr;
	int			expr_offset;	/* of the expression's text, in the template */
	int			offset;			/* of the part, in the template */
	RefPlace	place;
	bool		last_in_host;	/* REF_URL_HOST: nothing of the authority follows */
} Part;

struct CnTemplate
{
	CnPlace		place;
	int			nparts;
	Part	   *parts;
};

/*
 * What one rendering may still do: bytes it may append, and bytes its filters
 * may allocate.  The latter is several times the former, since a value may go
 * through several filters, but bounds a template of many costly references.
 */
typedef struct Budget
{
	int64		output;
	int64		work;
} Budget;

#define WORK_FACTOR 4

static inline Budget
full_budget(const CnScope *scope)
{
	Budget		b = {cn_scope_limit(scope), cn_scope_limit(scope) * WORK_FACTOR};

	return b;
}

/* cn_template_render within a budget others draw on, too. */
extern bool cn_template_render_within(const CnTemplate *tmpl, const CnScope *scope,
									  Budget *budget, StringInfo out, CnTemplateError *error);

/* ---- url_place.c: what a reference in a URL may be ---- */

extern bool cn_url_assign_places(Part *parts, int nparts, CnTemplateError *error);
extern const char *cn_url_check_value(const Part *part, const char *text, int len);
extern const char *cn_url_check_segment(const char *url, int len, int at);

#endif							/* CN_TEMPLATE_TEMPLATE_TREE_H */

/*
 * transformations_page.c -- see transformations_page.h.
 */
#include "transformations_page.h"

#include "expr/expr.h"

#define BEGIN "<!-- filters: "
#define END "<!-- end -->\n"

static int	append_table(StringInfo out, const char *category, int len);
static void append_row(StringInfo out, const CnFilter *filter);
static void append_cell(StringInfo out, const char *text, bool code);

char *
transformations_page(const char *page, int *rows)
{
	StringInfoData buf;

	initStringInfo(&buf);
	*rows = 0;
	while (*page != '\0')
	{
		const char *begin = strstr(page, BEGIN);
		const char *end = begin != NULL ? strstr(begin, END) : NULL;
		const char *category;

		if (end == NULL)
		{
			appendStringInfoString(&buf, page);
			break;
		}
		category = begin + strlen(BEGIN);
		appendBinaryStringInfo(&buf, page, strcspn(begin, "\n") + 1 + begin - page);
		*rows += append_table(&buf, category, strcspn(category, " "));
		appendStringInfoString(&buf, END);
		page = end + strlen(END);
	}
	return buf.data;
}

static int
append_table(StringInfo out, const char *category, int len)
{
	int			count;
	const CnFilter *table = cn_filter_table(&count);
	int			rows = 0;
	int			i;

	appendStringInfoString(out,
						   "| name | arguments | what it does | example | with the input | gives |\n"
						   "|---|---|---|---|---|---|\n");
	for (i = 0; i < count; i++)
	{
		if (strlen(table[i].category) != len || memcmp(table[i].category, category, len) != 0)
			continue;
		append_row(out, &table[i]);
		rows++;
	}
	return rows;
}

static void
append_row(StringInfo out, const CnFilter *filter)
{
	append_cell(out, filter->name, true);
	append_cell(out, filter->arguments, false);
	append_cell(out, filter->doc, false);
	append_cell(out, filter->example, true);
	append_cell(out, filter->example_input, true);
	append_cell(out, filter->example_output, true);
	appendStringInfoString(out, "|\n");
}

/* A bar would end the cell, and is escaped even inside code. */
static void
append_cell(StringInfo out, const char *text, bool code)
{
	appendStringInfoString(out, code ? "| `" : "| ");
	for (; *text != '\0'; text++)
	{
		if (*text == '|' || (!code && strchr("<>&[]*\\", *text) != NULL))
			appendStringInfoChar(out, '\\');
		appendStringInfoChar(out, *text);
	}
	appendStringInfoString(out, code ? "` " : " ");
}

char *
read_whole_file(const char *path)
{
	FILE	   *file = fopen(path, "r");
	StringInfoData buf;
	int			byte;

	if (file == NULL)
		return NULL;
	initStringInfo(&buf);
	while ((byte = getc(file)) != EOF)
		appendStringInfoChar(&buf, byte);
	fclose(file);
	return buf.data;
}

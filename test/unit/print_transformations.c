/*
 * print_transformations.c -- prints docs/transformations.md with its tables written anew.
 */
#include "shim.h"
#include "transformations_page.h"

int
main(void)
{
	char	   *page = read_whole_file(TRANSFORMATIONS_PAGE);
	int			rows;

	if (page == NULL)
	{
		fprintf(stderr, "cannot read %s\n", TRANSFORMATIONS_PAGE);
		return 1;
	}
	fputs(transformations_page(page, &rows), stdout);
	shim_reset();
	return 0;
}

/*
 * metaschema.c -- the metaschemas of draft 2020-12.  Pure.
 *
 * For schemas that refer to them; a schema itself is checked while it is
 * compiled (keywords.c).  White space, titles and comments are left out.
 */
#include "core/pure.h"

#include "schema/schema_tree.h"

#define BASE "https://json-schema.org/draft/2020-12/"

#define HEAD(name) \
	"{\"$schema\":\"" BASE "schema\",\"$id\":\"" BASE name "\",\"$dynamicAnchor\":\"meta\"," \
	"\"type\":[\"object\",\"boolean\"],"
#define META(name) HEAD("meta/" name) "\"$vocabulary\":{\"" BASE "vocab/" name "\":true},"

#define ANY_SCHEMA "{\"$dynamicRef\":\"#meta\"}"
#define SCHEMA_MAP "{\"type\":\"object\",\"additionalProperties\":" ANY_SCHEMA ",\"default\":{}}"
#define DEFINED(name) "{\"$ref\":\"#/$defs/" name "\"}"
#define STRING "{\"type\":\"string\"}"
#define NUMBER "{\"type\":\"number\"}"
#define FLAG "{\"type\":\"boolean\",\"default\":false}"

static const struct
{
	const char *uri;
	const char *text;
}			documents[] = {
	{BASE "schema", HEAD("schema")
		"\"$vocabulary\":{\"" BASE "vocab/core\":true,\"" BASE "vocab/applicator\":true,"
		"\"" BASE "vocab/unevaluated\":true,\"" BASE "vocab/validation\":true,"
		"\"" BASE "vocab/meta-data\":true,\"" BASE "vocab/format-annotation\":true,"
		"\"" BASE "vocab/content\":true},"
		"\"allOf\":[{\"$ref\":\"meta/core\"},{\"$ref\":\"meta/applicator\"},"
		"{\"$ref\":\"meta/unevaluated\"},{\"$ref\":\"meta/validation\"},"
		"{\"$ref\":\"meta/meta-data\"},{\"$ref\":\"meta/format-annotation\"},"
		"{\"$ref\":\"meta/content\"}],"
		"\"properties\":{"
		"\"definitions\":{\"type\":\"object\",\"additionalProperties\":" ANY_SCHEMA ","
		"\"deprecated\":true,\"default\":{}},"
		"\"dependencies\":{\"type\":\"object\",\"additionalProperties\":{\"anyOf\":[" ANY_SCHEMA ","
		"{\"$ref\":\"meta/validation#/$defs/stringArray\"}]},\"deprecated\":true,\"default\":{}},"
		"\"$recursiveAnchor\":{\"$ref\":\"meta/core#/$defs/anchorString\",\"deprecated\":true},"
		"\"$recursiveRef\":{\"$ref\":\"meta/core#/$defs/uriReferenceString\",\"deprecated\":true}"
	"}}"},
	{BASE "meta/core", META("core")
		"\"properties\":{"
		"\"$id\":{\"$ref\":\"#/$defs/uriReferenceString\",\"pattern\":\"^[^#]*#?$\"},"
		"\"$schema\":" DEFINED("uriString") ","
		"\"$ref\":" DEFINED("uriReferenceString") ","
		"\"$anchor\":" DEFINED("anchorString") ","
		"\"$dynamicRef\":" DEFINED("uriReferenceString") ","
		"\"$dynamicAnchor\":" DEFINED("anchorString") ","
		"\"$vocabulary\":{\"type\":\"object\",\"propertyNames\":" DEFINED("uriString") ","
		"\"additionalProperties\":{\"type\":\"boolean\"}},"
		"\"$comment\":" STRING ","
		"\"$defs\":{\"type\":\"object\",\"additionalProperties\":" ANY_SCHEMA "}},"
		"\"$defs\":{"
		"\"anchorString\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z_][-A-Za-z0-9._]*$\"},"
		"\"uriString\":{\"type\":\"string\",\"format\":\"uri\"},"
		"\"uriReferenceString\":{\"type\":\"string\",\"format\":\"uri-reference\"}"
	"}}"},
	{BASE "meta/applicator", META("applicator")
		"\"properties\":{"
		"\"prefixItems\":" DEFINED("schemaArray") ","
		"\"items\":" ANY_SCHEMA ","
		"\"contains\":" ANY_SCHEMA ","
		"\"additionalProperties\":" ANY_SCHEMA ","
		"\"properties\":" SCHEMA_MAP ","
		"\"patternProperties\":{\"type\":\"object\",\"additionalProperties\":" ANY_SCHEMA ","
		"\"propertyNames\":{\"format\":\"regex\"},\"default\":{}},"
		"\"dependentSchemas\":" SCHEMA_MAP ","
		"\"propertyNames\":" ANY_SCHEMA ","
		"\"if\":" ANY_SCHEMA ",\"then\":" ANY_SCHEMA ",\"else\":" ANY_SCHEMA ","
		"\"allOf\":" DEFINED("schemaArray") ","
		"\"anyOf\":" DEFINED("schemaArray") ","
		"\"oneOf\":" DEFINED("schemaArray") ","
		"\"not\":" ANY_SCHEMA "},"
		"\"$defs\":{\"schemaArray\":{\"type\":\"array\",\"minItems\":1,\"items\":" ANY_SCHEMA
	"}}}"},
	{BASE "meta/unevaluated", META("unevaluated")
		"\"properties\":{"
		"\"unevaluatedItems\":" ANY_SCHEMA ",\"unevaluatedProperties\":" ANY_SCHEMA
	"}}"},
	{BASE "meta/validation", META("validation")
		"\"properties\":{"
		"\"type\":{\"anyOf\":[" DEFINED("simpleTypes") ",{\"type\":\"array\","
		"\"items\":" DEFINED("simpleTypes") ",\"minItems\":1,\"uniqueItems\":true}]},"
		"\"const\":true,"
		"\"enum\":{\"type\":\"array\",\"items\":true},"
		"\"multipleOf\":{\"type\":\"number\",\"exclusiveMinimum\":0},"
		"\"maximum\":" NUMBER ",\"exclusiveMaximum\":" NUMBER ","
		"\"minimum\":" NUMBER ",\"exclusiveMinimum\":" NUMBER ","
		"\"maxLength\":" DEFINED("nonNegativeInteger") ","
		"\"minLength\":" DEFINED("nonNegativeIntegerDefault0") ","
		"\"pattern\":{\"type\":\"string\",\"format\":\"regex\"},"
		"\"maxItems\":" DEFINED("nonNegativeInteger") ","
		"\"minItems\":" DEFINED("nonNegativeIntegerDefault0") ","
		"\"uniqueItems\":" FLAG ","
		"\"maxContains\":" DEFINED("nonNegativeInteger") ","
		"\"minContains\":{\"$ref\":\"#/$defs/nonNegativeInteger\",\"default\":1},"
		"\"maxProperties\":" DEFINED("nonNegativeInteger") ","
		"\"minProperties\":" DEFINED("nonNegativeIntegerDefault0") ","
		"\"required\":" DEFINED("stringArray") ","
		"\"dependentRequired\":{\"type\":\"object\","
		"\"additionalProperties\":" DEFINED("stringArray") "}},"
		"\"$defs\":{"
		"\"nonNegativeInteger\":{\"type\":\"integer\",\"minimum\":0},"
		"\"nonNegativeIntegerDefault0\":{\"$ref\":\"#/$defs/nonNegativeInteger\",\"default\":0},"
		"\"simpleTypes\":{\"enum\":[\"array\",\"boolean\",\"integer\",\"null\",\"number\","
		"\"object\",\"string\"]},"
		"\"stringArray\":{\"type\":\"array\",\"items\":" STRING ",\"uniqueItems\":true,"
		"\"default\":[]}"
	"}}"},
	{BASE "meta/meta-data", META("meta-data")
		"\"properties\":{\"title\":" STRING ",\"description\":" STRING ",\"default\":true,"
		"\"deprecated\":" FLAG ",\"readOnly\":" FLAG ",\"writeOnly\":" FLAG ","
		"\"examples\":{\"type\":\"array\",\"items\":true}"
	"}}"},
	{BASE "meta/format-annotation", META("format-annotation")
		"\"properties\":{\"format\":" STRING
	"}}"},
	{BASE "meta/format-assertion", META("format-assertion")
		"\"properties\":{\"format\":" STRING
	"}}"},
	{BASE "meta/content", META("content")
		"\"properties\":{\"contentEncoding\":" STRING ",\"contentMediaType\":" STRING ","
		"\"contentSchema\":" ANY_SCHEMA
	"}}"},
};

const char *
schema_builtin(const char *uri)
{
	for (int i = 0; i < lengthof(documents); i++)
	{
		if (strcmp(documents[i].uri, uri) == 0)
			return documents[i].text;
	}
	return NULL;
}

/*
 * unpack.mjs TARGET DIRECTORY... -- JSON copies of the OpenAPI 3 descriptions in some directories.
 *
 * TARGET gets <name>.json for each <name>.json, <name>.yaml or either compressed; their names are printed.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, readText } from './description.mjs';

const KIND = /\.(json|ya?ml)(\.gz)?$/;
/* Cheaper than parsing: each says so in its first lines. */
const IS_OPENAPI_3 = /^(.*\n){0,20}?.{0,200}\bopenapi["']?\s*:\s*["']?3/;

const [target, ...directories] = process.argv.slice(2);
for (const directory of directories) {
	for (const file of readdirSync(directory).filter((name) => KIND.test(name)).sort()) {
		const text = readText(directory, file);
		if (!IS_OPENAPI_3.test(text.slice(0, 4000))) continue;
		const name = file.replace(KIND, '');
		writeFileSync(join(target, `${name}.json`), JSON.stringify(parse(file, text)));
		console.log(name);
	}
}

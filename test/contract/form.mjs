/*
 * form.mjs -- a URL-encoded body as the value that its schema is about.
 *
 * Prism reads forms too, but a parameter that comes twice is its last value there, and an object in the style
 * a[b]=1 that is not given is an empty one, of which it then misses the required members.  Here a[b]=1 is
 * a member, a[]=1 and a=1&a=2 are lists where the schema has a list, and a text is read as JSON where the
 * schema has an object.  What is left are texts; the validator takes "1" for a number.
 */
import { parts } from './strict.mjs';

/* "a[b][]" => ["a", "b", ""] */
function steps(name) {
	const [, first, rest] = /^([^[]*)(.*)$/s.exec(name);
	return [first, ...[...rest.matchAll(/\[([^\]]*)\]/g)].map((match) => match[1])];
}

function put(tree, [name, ...rest], value) {
	const key =
		name === '' || /^\d+$/.test(name)
			? `#${name === '' ? Object.keys(tree).length : name}`
			: name;
	if (rest.length > 0) put((tree[key] ??= {}), rest, value);
	else (tree[key] ??= []).push(value);
}

function wants(schema, operation, type) {
	return parts(schema, operation).some((part) => [part.type].flat().includes(type));
}

/* A node of the tree is a list of the values of one name, or an object of names and elements (#0, #1). */
function shape(node, schema, operation) {
	const below = (key) => ({
		anyOf: parts(schema, operation)
			.map((part) => part[key])
			.filter(Boolean),
	});
	const member = (name) => ({
		anyOf: parts(schema, operation)
			.map((part) => part.properties?.[name] ?? part.additionalProperties)
			.filter((one) => one && typeof one === 'object'),
	});
	if (Array.isArray(node)) {
		if (wants(schema, operation, 'array'))
			return node.map((one) => shape([one], below('items'), operation));
		return leaf(node.at(-1), schema, operation);
	}
	const names = Object.keys(node);
	if (names.every((name) => name.startsWith('#')))
		return names.map((name) => shape(node[name], below('items'), operation));
	return Object.fromEntries(
		names.map((name) => [name.replace(/^#/, ''), shape(node[name], member(name), operation)]),
	);
}

function leaf(text, schema, operation) {
	if (!wants(schema, operation, 'object') || !/^\s*\{/.test(text)) return text;
	try {
		return JSON.parse(text);
	} catch {
		return text;
	}
}

export function readForm(body, schema, operation) {
	const tree = {};
	for (const [name, value] of new URLSearchParams(body)) put(tree, steps(name), value);
	return shape(tree, schema, operation);
}

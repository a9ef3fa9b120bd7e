// An authorization server for TAP tests: oidc-provider with in-memory storage, and a user who browses.
//
//   node server.mjs        prints its port when it listens; ends when its standard input does
//
// Beside the provider's own endpoints:
//
//   /test/browse?url=U     does what a user's browser would do from U on: logs in, allows everything, and answers with
//                          {"url": the address it was sent back to, or where there was nothing more to do, "status": N}
//   /test/counts           how often each grant succeeded and failed: {"success": {...}, "error": {...}}
//   /test/forget           starts counting again
import { createServer, request as startRequest } from 'node:http';
import Provider from 'oidc-provider';

const CALLBACK = 'https://app.example.com/cb';
let counts = { success: {}, error: {} };

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const base = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(base, {
	clients: [
		{
			client_id: 'web', client_secret: 'web-secret-0123456789', redirect_uris: [CALLBACK],
			grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'client_secret_basic',
		},
		{
			client_id: 'odd id:%&', client_secret: 'odd secret+/:&=%', redirect_uris: [CALLBACK],
			grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'client_secret_basic',
		},
		{
			client_id: 'machine', client_secret: 'machine-secret-0123456789', redirect_uris: [], response_types: [],
			grant_types: ['client_credentials'], token_endpoint_auth_method: 'client_secret_post',
		},
		{
			client_id: 'device', redirect_uris: [], response_types: [], token_endpoint_auth_method: 'none',
			grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'], application_type: 'native',
		},
	],
	cookies: { keys: ['not a secret'] },
	features: {
		clientCredentials: { enabled: true },
		deviceFlow: { enabled: true },
		revocation: { enabled: true },
		introspection: { enabled: true },
	},
	pkce: { required: () => true, methods: ['S256'] },
	issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
	rotateRefreshToken: true, // a refresh token that is used twice revokes the whole grant
	scopes: ['openid', 'offline_access', 'read'],
	ttl: { AccessToken: 3, ClientCredentials: 3, RefreshToken: 86400, Grant: 86400, Interaction: 600, Session: 600, IdToken: 600, DeviceCode: 600 },
});

const count = (list, ctx) => {
	const type = (ctx.oidc.params?.grant_type ?? 'none').split(':').pop();
	counts[list][type] = (counts[list][type] ?? 0) + 1;
};
provider.on('grant.success', (ctx) => count('success', ctx));
provider.on('grant.error', (ctx) => count('error', ctx));

// ---- the user ----

const attribute = (tag, name) => tag.match(new RegExp(`\\b${name}="([^"]*)"`))?.[1].replaceAll('&amp;', '&');

// The first form of a page, filled in; undefined if there is none.
function fillIn(page, url) {
	const form = page.match(/<form\b[\s\S]*?<\/form>/)?.[0];
	if (!form) return undefined;
	const body = new URLSearchParams();
	for (const [input] of form.matchAll(/<input\b[^>]*>/g)) {
		const name = attribute(input, 'name');
		if (name) body.set(name, attribute(input, 'value') ?? 'user');
	}
	return { url: new URL(attribute(form, 'action') ?? '', url).href, body };
}

// What url answers: {status, headers, page}.  fetch() does not give cookies one by one in every Node.js 18.
function load(url, form, cookie) {
	return new Promise((resolve, reject) => {
		const headers = { cookie, ...(form && { 'content-type': 'application/x-www-form-urlencoded' }) };
		const sent = startRequest(url, { method: form ? 'POST' : 'GET', headers }, (reply) => {
			let page = '';
			reply.setEncoding('utf8').on('data', (part) => { page += part; });
			reply.on('end', () => resolve({ status: reply.statusCode, headers: reply.headers, page })).on('error', reject);
		});
		sent.on('error', reject).end(form?.toString());
	});
}

async function browse(start) {
	const cookies = new Map();
	let next = { url: start };
	for (let i = 0; i < 30; i++) {
		if (!next.url.startsWith(base)) return { url: next.url, status: 0 };
		const reply = await load(next.url, next.body, [...cookies].map((pair) => pair.join('=')).join('; '));
		for (const line of reply.headers['set-cookie'] ?? []) {
			const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
			if (value) cookies.set(name, value); else cookies.delete(name);
		}
		const { location } = reply.headers;
		const form = location ? undefined : fillIn(reply.page, next.url);
		if (location) next = { url: new URL(location, next.url).href };
		else if (form && reply.status < 400) next = form;
		else return { url: next.url, status: reply.status };
	}
	return { url: next.url, status: -1 };
}

// ---- serving ----

const handle = provider.callback();

server.on('request', async (request, response) => {
	const url = new URL(request.url, base);
	if (!url.pathname.startsWith('/test/')) {
		handle(request, response);
		return;
	}
	let answer = {};
	if (url.pathname === '/test/browse') answer = await browse(url.searchParams.get('url'));
	else if (url.pathname === '/test/counts') answer = counts;
	else counts = { success: {}, error: {} };
	response.setHeader('content-type', 'application/json');
	response.end(JSON.stringify(answer));
});

process.stdin.resume().on('end', () => process.exit(0));
console.log(server.address().port);

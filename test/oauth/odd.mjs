// An authorization server for TAP tests that says yes to everything, and answers token requests as it is told to:
// oauth2-mock-server.
//
//   node odd.mjs           prints its port when it listens; ends when its standard input does
//
// Beside the server's own endpoints:
//
//   /test/next?status=N&set=JSON&drop=NAME,...   changes all replies of /token from now on: the status, members that are
//                          set, members that are left out.  Without any of them: replies as the server makes them
//   /test/asked            the forms that came to /token since it was asked last: [{"grant_type": ...}, ...]
import { createServer } from 'node:http';
import mock from 'oauth2-mock-server';

const { issuer, service } = new mock.OAuth2Server();
await issuer.keys.generate('RS256');

let next = new URLSearchParams();
let asked = [];

service.on('beforeResponse', (reply, request) => {
	asked.push({ ...request.body });
	reply.statusCode = Number(next.get('status') ?? reply.statusCode);
	Object.assign(reply.body, JSON.parse(next.get('set') ?? '{}'));
	for (const name of (next.get('drop') ?? '').split(',')) delete reply.body[name];
});

const server = createServer((request, response) => {
	const url = new URL(request.url, 'http://127.0.0.1');
	if (!url.pathname.startsWith('/test/')) {
		service.requestHandler(request, response);
		return;
	}
	let answer = {};
	if (url.pathname === '/test/next') next = url.searchParams;
	else [answer, asked] = [asked, []];
	response.setHeader('content-type', 'application/json');
	response.end(JSON.stringify(answer));
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
issuer.url = `http://127.0.0.1:${server.address().port}`;

process.stdin.resume().on('end', () => process.exit(0));
console.log(server.address().port);

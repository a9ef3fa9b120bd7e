-- Official templates.  Their ids stay what they are: connectors remember them.  A later version of the
-- extension changes one with its version, where builtin, and never one that the installation has changed.

INSERT INTO @extschema@.connector_templates
    (id, name, title, category, icon, tags, is_featured, description, requires_credentials, input_schema, config,
     builtin, published_by, published_at, updated_at)
SELECT v.id::uuid, v.name, v.title, v.category, v.icon, v.tags::text[], v.is_featured,
       btrim(regexp_replace(v.description, '\s*\n\s*', ' ', 'g')), v.requires_credentials::jsonb,
       v.input_schema::jsonb, v.config::jsonb, true, 'connector', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00'
  FROM (VALUES

('5c0e7a1e-0000-4000-8000-000000000001', 'phone-enrichment', 'Phone enrichment (AudienceAcuity)',
 'enrichment', 'phone', '{phone,person,enrichment,audienceacuity}', false,
$text$
Finds the identities behind a phone number with AudienceAcuity's GET /v2/identities/byPhone, and returns the
reply as it is: its fields are those of the reply template of your account, whose number goes into the input
"template" (79123584 is "Compact Contacts").
Credential: AudienceAcuity signs each request anew (Bearer, then key id, time in milliseconds and an MD5 over
time and secret), which no kind of credential does yet. Until then let a small relay of yours sign the
requests: store the relay's own token as "token", its address as parameter "base_url", and its host in
"allowed_hosts".
$text$,
$json$[{"service": "audienceacuity", "kind": "bearer", "parameters": {"base_url": "https://api.audienceacuity.com"},
  "allowed_hosts": ["api.audienceacuity.com"],
  "description": "The token of the relay that signs for AudienceAcuity, and its address as base_url; the key itself is made in the profile page of AudienceAcuity."}]$json$,
$json${"type": "object", "required": ["phone"], "properties": {
  "phone": {"type": "string", "description": "The number, as digits."},
  "template": {"type": "integer", "description": "Number of the reply template."}}}$json$,
$json${"method": "GET", "url": "{{workspace.base_url}}/v2/identities/byPhone", "credential": "audienceacuity",
  "query": {"phone": "{{input.phone}}", "template": "{{input.template | default(79123584)}}"},
  "timeout_ms": 10000, "retries": 2}$json$),

('5c0e7a1e-0000-4000-8000-000000000002', 'company-data', 'Company data (Clearbit)',
 'enrichment', 'building', '{company,domain,enrichment,clearbit}', false,
$text$
Looks up a company by its domain with Clearbit's Company API: name, industry, size, place and more.
A domain that Clearbit does not know ends as not_found; one that it is looking up (HTTP 202) is asked for again.
Credential: the secret API key of a Clearbit account. Accounts made since HubSpot took Clearbit over have none;
the key of an older account goes on working.
$text$,
$json$[{"service": "clearbit", "kind": "bearer", "allowed_hosts": ["person.clearbit.com", "company.clearbit.com"],
  "description": "Secret API key (sk_...) of a Clearbit account."}]$json$,
$json${"type": "object", "required": ["domain"], "properties": {
  "domain": {"type": "string", "description": "Domain of the company, such as example.com."}}}$json$,
$json${"method": "GET", "url": "https://company.clearbit.com/v2/companies/find", "credential": "clearbit",
  "query": {"domain": "{{input.domain | trim | lower}}"},
  "output": {"name": "$.name", "legal_name": "$.legalName", "domain": "$.domain", "description": "$.description",
    "industry": "$.category.industry", "sector": "$.category.sector", "tags": "$.tags",
    "employees": "$.metrics.employees", "annual_revenue": "$.metrics.annualRevenue",
    "founded_year": "$.foundedYear", "phone": "$.phone", "city": "$.geo.city", "country": "$.geo.countryCode",
    "linkedin": "$.linkedin.handle", "tech": "$.tech"},
  "error_rules": [{"status": 202, "code": "not_found", "action": "retry",
    "message": "the company is still being looked up"}],
  "timeout_ms": 10000, "retries": 2}$json$),

('5c0e7a1e-0000-4000-8000-000000000003', 'email-validation', 'E-mail validation (ZeroBounce)',
 'validation', 'mail-check', '{email,validation,deliverability,zerobounce}', false,
$text$
Asks ZeroBounce whether an e-mail address can be delivered to. "status" is valid, invalid, catch-all, unknown,
spamtrap, abuse or do_not_mail, "sub_status" says why; an address that is invalid is an answer, not an error.
Credential: the API key from the API page of a ZeroBounce account; each answer costs a credit.
$text$,
$json$[{"service": "zerobounce", "kind": "api_key", "parameters": {"in": "query", "name": "api_key"},
  "allowed_hosts": ["api.zerobounce.net"],
  "description": "API key of a ZeroBounce account. ZeroBounce takes it as a query parameter."}]$json$,
$json${"type": "object", "required": ["email"], "properties": {
  "email": {"type": "string"},
  "ip_address": {"type": "string", "description": "Address that the e-mail address was entered from."}}}$json$,
$json${"method": "GET", "url": "https://api.zerobounce.net/v2/validate", "credential": "zerobounce",
  "query": [{"name": "email", "input": "email"}, {"name": "ip_address", "input": "ip_address", "optional": true}],
  "output": {"address": "$.address", "status": "$.status", "sub_status": "$.sub_status",
    "did_you_mean": "$.did_you_mean", "free_email": "$.free_email", "domain": "$.domain", "mx_found": "$.mx_found",
    "smtp_provider": "$.smtp_provider", "processed_at": "$.processed_at"},
  "error_rules": [
    {"path": "$.error ? (@ like_regex \"api key\" flag \"i\")", "code": "auth_failed",
      "message": "ZeroBounce refuses the key, or its credits are used up"},
    {"path": "$.error", "code": "validation_failed", "message": "ZeroBounce refuses the request"}],
  "timeout_ms": 30000, "retries": 1}$json$),

('5c0e7a1e-0000-4000-8000-000000000004', 'hubspot-contact-upsert', 'HubSpot: create or update a contact',
 'crm', 'user-plus', '{hubspot,crm,contact,upsert}', true,
$text$
Creates a contact in HubSpot or, if there is one with this e-mail address, updates it: one call of
POST /crm/v3/objects/contacts/batch/upsert. "properties" are HubSpot's own names, such as firstname, lastname,
phone and lifecyclestage, with texts as values. The same call twice does no harm.
Credential: the access token of a private app (Settings, Integrations, Private Apps) with the scopes
crm.objects.contacts.read and crm.objects.contacts.write.
$text$,
$json$[{"service": "hubspot", "kind": "bearer", "allowed_hosts": ["api.hubapi.com"],
  "description": "Access token of a HubSpot private app with scopes crm.objects.contacts.read and crm.objects.contacts.write."}]$json$,
$json${"type": "object", "required": ["email", "properties"], "properties": {
  "email": {"type": "string"},
  "properties": {"type": "object", "description": "Properties of the contact by HubSpot's names."}}}$json$,
$json${"method": "POST", "url": "https://api.hubapi.com/crm/v3/objects/contacts/batch/upsert",
  "credential": "hubspot",
  "body": {"inputs": [{"idProperty": "email", "id": "{{input.email}}", "properties": "{{input.properties}}"}]},
  "output": {"id": "$.results[0].id", "created": "$.results[0].new", "properties": "$.results[0].properties"},
  "error_rules": [
    {"status": 207, "path": "$.errors[0].message", "code": "validation_failed",
      "message": "HubSpot refuses the contact"},
    {"status": 429, "path": "$.policyName", "equals": "DAILY", "code": "rate_limited", "action": "fail",
      "message": "the daily limit of the HubSpot account is used up"}],
  "idempotent": true, "timeout_ms": 15000, "retries": 3}$json$),

('5c0e7a1e-0000-4000-8000-000000000005', 'salesforce-lead-enrichment', 'Salesforce: enrich a lead',
 'crm', 'target', '{salesforce,crm,lead,enrichment,clearbit}', false,
$text$
Finds the newest unconverted lead with an e-mail address in Salesforce, looks up the company of the address's
domain at Clearbit, and fills in what the lead has not: website, industry, number of employees and phone. What
it has stays. Without a lead, or without a company, nothing is changed; "update" says what became of that step.
Credentials: for Salesforce an access token with scope api as "token", and the My Domain address, such as
https://acme.my.salesforce.com, as parameter "instance_url"; for Clearbit the secret API key.
$text$,
$json$[{"service": "salesforce", "kind": "bearer", "allowed_hosts": ["*.my.salesforce.com"],
  "parameters": {"instance_url": "https://your-domain.my.salesforce.com"},
  "description": "Access token of a connected app (scope api), and parameter instance_url, the My Domain address that comes with it."},
 {"service": "clearbit", "kind": "bearer", "allowed_hosts": ["person.clearbit.com", "company.clearbit.com"],
  "description": "Secret API key (sk_...) of a Clearbit account."}]$json$,
$json${"type": "object", "required": ["email"], "properties": {"email": {"type": "string"}}}$json$,
$json${"type": "multi-step", "steps": [
    {"id": "lead", "name": "Find the lead", "method": "GET", "credential": "salesforce",
     "url": "{{workspace.instance_url}}/services/data/v59.0/query",
     "query": {"q": "SELECT Id, Website, Industry, NumberOfEmployees, Phone FROM Lead WHERE Email = '{{input.email | replace(\"\\\\\", \"\\\\\\\\\") | replace(\"'\", \"\\\\'\")}}' AND IsConverted = false ORDER BY LastModifiedDate DESC LIMIT 1"},
     "output": {"id": "$.records[0].Id", "website": "$.records[0].Website", "industry": "$.records[0].Industry",
       "employees": "$.records[0].NumberOfEmployees", "phone": "$.records[0].Phone"}},
    {"id": "company", "name": "Look up the company", "method": "GET", "credential": "clearbit",
     "condition": "{{lead.id}} !== null", "continue_on_error": true,
     "url": "https://company.clearbit.com/v2/companies/find",
     "query": {"domain": "{{input.email | split(\"@\") | last | trim | lower}}"},
     "output": {"name": "$.name", "domain": "$.domain", "industry": "$.category.industry",
       "employees": "$.metrics.employees", "phone": "$.phone"},
     "error_rules": [{"status": 202, "code": "not_found", "action": "retry",
       "message": "the company is still being looked up"}]},
    {"id": "update", "name": "Fill in the lead", "method": "PATCH", "credential": "salesforce",
     "condition": "{{lead.id}} !== null && {{company.name}} !== null",
     "url": "{{workspace.instance_url}}/services/data/v59.0/sobjects/Lead/{{lead.id}}",
     "body": {"Website": "{{lead.website | default(company.domain)}}",
       "Industry": "{{lead.industry | default(company.industry)}}",
       "NumberOfEmployees": "{{lead.employees | default(company.employees)}}",
         "Phone": "{{lead.phone | default(company.phone)}}"},
     "response": "none", "idempotent": true}],
  "error_rules": [{"status": 403, "contains": "REQUEST_LIMIT_EXCEEDED", "code": "rate_limited", "action": "fail",
    "message": "the daily limit of the Salesforce organization is used up"}],
  "result": {"lead_id": "{{lead.id}}", "company": "{{company | default(null)}}", "update": "{{steps.update.status}}"},
  "timeout_ms": 20000, "retries": 2}$json$),

('5c0e7a1e-0000-4000-8000-000000000006', 'slack-notification', 'Slack notification',
 'messaging', 'message', '{slack,message,notification,chat}', true,
$text$
Posts a message to a Slack channel (chat.postMessage). "blocks", if given, is the text of Slack's JSON array of
blocks; "thread_ts" answers in a thread. Slack answers errors with HTTP 200; they end as such all the same.
Credential: the bot token (xoxb-...) of a Slack app that is installed in the Slack workspace with scope
chat:write (OAuth & Permissions); invite the bot to the channel.
$text$,
$json$[{"service": "slack", "kind": "bearer", "allowed_hosts": ["slack.com"],
  "description": "Bot token of a Slack app with scope chat:write."}]$json$,
$json${"type": "object", "required": ["channel", "text"], "properties": {
  "channel": {"type": "string", "description": "Id of the channel, or its name with #."},
  "text": {"type": "string"}, "thread_ts": {"type": "string"}, "blocks": {"type": "string"}}}$json$,
$json${"method": "POST", "url": "https://slack.com/api/chat.postMessage", "credential": "slack", "body_type": "form",
  "body": [{"name": "channel", "input": "channel"}, {"name": "text", "input": "text"},
    {"name": "thread_ts", "input": "thread_ts", "optional": true},
    {"name": "blocks", "input": "blocks", "optional": true}],
  "output": {"channel": "$.channel", "ts": "$.ts"},
  "error_rules": [
    {"path": "$.error ? (@ like_regex \"^(not_authed|invalid_auth|account_inactive|token_revoked|token_expired)$\")",
      "code": "auth_failed", "message": "Slack refuses the token"},
    {"path": "$.error ? (@ like_regex \"^(missing_scope|not_in_channel|no_permission|is_archived|ekm_access_denied|restricted_action)\")",
      "code": "permission_denied", "message": "Slack does not let the bot post there"},
    {"path": "$.error", "equals": "channel_not_found", "code": "not_found", "message": "Slack knows no such channel"},
    {"path": "$.error ? (@ == \"ratelimited\" || @ == \"rate_limited\")", "code": "rate_limited",
      "action": "rate_limited", "message": "Slack asks to wait"},
    {"path": "$.ok", "equals": false, "code": "validation_failed",
      "message": "Slack refuses the message"}],
  "timeout_ms": 10000, "retries": 2}$json$),

('5c0e7a1e-0000-4000-8000-000000000007', 'stripe-customer-lookup', 'Stripe: look up a customer',
 'payments', 'credit-card', '{stripe,payments,customer}', false,
$text$
Finds the newest customer with an e-mail address in Stripe. With "create": true one is created if there is none;
that request carries an Idempotency-Key, so that repeating it makes no second customer.
Credential: a secret key or, better, a restricted key (rk_...) with read, and for creating write, access to
customers, from the API keys page of the Stripe dashboard.
$text$,
$json$[{"service": "stripe", "kind": "bearer", "allowed_hosts": ["api.stripe.com"],
  "description": "Secret or restricted key with access to customers."}]$json$,
$json${"type": "object", "required": ["email"], "properties": {
  "email": {"type": "string"}, "name": {"type": "string", "description": "Of a new customer."},
  "create": {"type": "boolean", "description": "Create a customer if there is none."}}}$json$,
$json${"type": "multi-step", "credential": "stripe", "steps": [
    {"id": "find", "name": "Find the customer", "method": "GET", "url": "https://api.stripe.com/v1/customers",
     "query": {"email": "{{input.email}}", "limit": 1}, "headers": {"Stripe-Version": "2024-06-20"},
     "output": {"id": "$.data[0].id", "email": "$.data[0].email", "name": "$.data[0].name",
       "phone": "$.data[0].phone",
       "currency": "$.data[0].currency", "balance": "$.data[0].balance", "delinquent": "$.data[0].delinquent",
       "created": "$.data[0].created", "metadata": "$.data[0].metadata"}},
    {"id": "create", "name": "Create one", "method": "POST", "url": "https://api.stripe.com/v1/customers",
     "condition": "{{find.id}} === null && {{input.create}} === true",
     "headers": {"Stripe-Version": "2024-06-20"}, "body_type": "form",
     "body": {"email": "{{input.email}}", "name": "{{input.name | default(null)}}"},
     "idempotency_header": "Idempotency-Key",
     "output": {"id": "$.id", "email": "$.email", "name": "$.name", "phone": "$.phone", "currency": "$.currency",
       "balance": "$.balance", "delinquent": "$.delinquent", "created": "$.created", "metadata": "$.metadata"}}],
  "result": {"customer": "{{create | default(find)}}", "created": "{{steps.create.status}}"},
  "timeout_ms": 20000, "retries": 2}$json$),

('5c0e7a1e-0000-4000-8000-000000000008', 'github-issue-creation', 'GitHub: create an issue',
 'development', 'git-branch', '{github,issue,development}', false,
$text$
Creates an issue in a GitHub repository. "issue" is GitHub's own object: title, and if wanted body, labels,
assignees and milestone. It is sent once: whether a request that got no answer made an issue is not known.
Credential: a fine-grained personal access token for the repository with permission Issues: read and write, or
a classic one with scope repo.
$text$,
$json$[{"service": "github", "kind": "bearer", "allowed_hosts": ["api.github.com"],
  "description": "Personal access token with write access to the issues of the repository."}]$json$,
$json${"type": "object", "required": ["owner", "repo", "issue"], "properties": {
  "owner": {"type": "string"}, "repo": {"type": "string"},
  "issue": {"type": "object", "required": ["title"], "properties": {
    "title": {"type": "string"}, "body": {"type": "string"},
    "labels": {"type": "array", "items": {"type": "string"}},
    "assignees": {"type": "array", "items": {"type": "string"}}, "milestone": {"type": "integer"}}}}}$json$,
$json${"method": "POST", "url": "https://api.github.com/repos/{{input.owner}}/{{input.repo}}/issues",
  "credential": "github",
  "headers": {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
  "body": "{{input.issue}}",
  "output": {"number": "$.number", "id": "$.id", "url": "$.html_url", "state": "$.state"},
  "error_rules": [
    {"status": 403, "contains": "rate limit", "code": "rate_limited", "action": "rate_limited",
      "message": "GitHub asks to wait"},
    {"status": 410, "code": "not_found", "message": "issues are switched off in the repository"}],
  "timeout_ms": 15000, "retries": 2}$json$),

('5c0e7a1e-0000-4000-8000-000000000009', 'twilio-sms', 'Twilio SMS',
 'messaging', 'smartphone', '{twilio,sms,message,notification}', false,
$text$
Sends a text message with Twilio. Give the sender as "from" (a number of yours) or as "messaging_service_sid".
It is sent once: whether a request that got no answer sent a message is not known, and not tried again.
Credential: the Account SID (AC...) as user name and as parameter "account_sid", and the Auth Token as password, from
the Twilio console; or an API key and its secret, and the Account SID as parameter.
$text$,
$json$[{"service": "twilio", "kind": "basic", "allowed_hosts": ["api.twilio.com"],
  "description": "Account SID as username and as parameter account_sid, Auth Token as password."}]$json$,
$json${"type": "object", "required": ["to", "body"], "properties": {
  "to": {"type": "string", "description": "Number in E.164 form, such as +14155550123."},
  "body": {"type": "string"}, "from": {"type": "string"}, "messaging_service_sid": {"type": "string"},
  "status_callback": {"type": "string"}}}$json$,
$json${"method": "POST", "url": "https://api.twilio.com/2010-04-01/Accounts/{{workspace.account_sid}}/Messages.json",
  "credential": "twilio", "body_type": "form",
  "body": [{"name": "To", "input": "to"}, {"name": "Body", "input": "body"},
    {"name": "From", "input": "from", "optional": true},
    {"name": "MessagingServiceSid", "input": "messaging_service_sid", "optional": true},
    {"name": "StatusCallback", "input": "status_callback", "optional": true}],
  "output": {"sid": "$.sid", "status": "$.status", "to": "$.to", "from": "$.from", "segments": "$.num_segments"},
  "error_rules": [
    {"status": 400, "path": "$.code", "equals": 21610, "code": "permission_denied",
      "message": "the recipient has opted out"},
    {"status": 429, "code": "rate_limited", "action": "rate_limited", "message": "Twilio asks to wait"}],
  "timeout_ms": 15000, "retries": 2}$json$),

('5c0e7a1e-0000-4000-8000-00000000000a', 'enrichment-waterfall', 'Enrichment waterfall',
 'enrichment', 'layers', '{email,person,company,enrichment,waterfall,zerobounce,clearbit,audienceacuity}', true,
$text$
Learns what several providers know about the owner of an e-mail address, and asks each only if those before left
something open: ZeroBounce checks the address, and one that is not deliverable ends it; Clearbit is asked for person
and company; if it has no company, and the domain is not one of a free provider, for the company of the domain; and
if it has no name, AudienceAcuity for identities. A provider that fails or knows nothing is passed over; "steps" says
what became of each.
Credentials: the API key of ZeroBounce, the secret API key of Clearbit, and for AudienceAcuity what the template
phone-enrichment says.
$text$,
$json$[{"service": "zerobounce", "kind": "api_key", "parameters": {"in": "query", "name": "api_key"},
  "allowed_hosts": ["api.zerobounce.net"], "description": "API key of a ZeroBounce account."},
 {"service": "clearbit", "kind": "bearer", "allowed_hosts": ["person.clearbit.com", "company.clearbit.com"],
  "description": "Secret API key (sk_...) of a Clearbit account."},
 {"service": "audienceacuity", "kind": "bearer", "parameters": {"base_url": "https://api.audienceacuity.com"},
  "allowed_hosts": ["api.audienceacuity.com"],
  "description": "The token of the relay that signs for AudienceAcuity, and its address as base_url."}]$json$,
$json${"type": "object", "required": ["email"], "properties": {
  "email": {"type": "string"},
  "template": {"type": "integer", "description": "Number of AudienceAcuity's reply template."}}}$json$,
$json${"type": "multi-step", "steps": [
    {"id": "check", "name": "Is the address deliverable?", "method": "GET", "credential": "zerobounce",
     "url": "https://api.zerobounce.net/v2/validate", "query": {"email": "{{input.email}}"},
     "output": {"status": "$.status", "sub_status": "$.sub_status", "did_you_mean": "$.did_you_mean",
       "free_email": "$.free_email"},
     "error_rules": [
       {"path": "$.error ? (@ like_regex \"api key\" flag \"i\")", "code": "auth_failed",
         "message": "ZeroBounce refuses the key, or its credits are used up"},
       {"path": "$.error", "code": "validation_failed", "message": "ZeroBounce refuses the request"}],
     "timeout_ms": 20000},
    {"id": "person", "name": "Person and company", "method": "GET", "credential": "clearbit",
      "continue_on_error": true,
     "condition": "{{check.status}} in [\"valid\", \"catch-all\", \"unknown\"]",
     "url": "https://person.clearbit.com/v2/combined/find", "query": {"email": "{{input.email}}"},
     "output": {"name": "$.person.name.fullName", "title": "$.person.employment.title", "city": "$.person.geo.city",
       "country": "$.person.geo.countryCode", "linkedin": "$.person.linkedin.handle", "company": "$.company.name",
       "industry": "$.company.category.industry", "employees": "$.company.metrics.employees"},
     "error_rules": [{"status": 202, "code": "not_found", "action": "retry",
       "message": "the person is still being looked up"}]},
    {"id": "company", "name": "Company of the domain", "method": "GET", "credential": "clearbit",
      "continue_on_error": true,
     "condition": "{{check.status}} in [\"valid\", \"catch-all\", \"unknown\"] && {{person.company}} === null && {{check.free_email}} !== true",
     "url": "https://company.clearbit.com/v2/companies/find",
     "query": {"domain": "{{input.email | split(\"@\") | last | trim | lower}}"},
     "output": {"name": "$.name", "industry": "$.category.industry", "employees": "$.metrics.employees"},
     "error_rules": [{"status": 202, "code": "not_found", "action": "retry",
       "message": "the company is still being looked up"}]},
    {"id": "identity", "name": "Identities", "method": "GET", "credential": "audienceacuity",
      "continue_on_error": true,
     "condition": "{{check.status}} in [\"valid\", \"catch-all\", \"unknown\"] && {{person.name}} === null",
     "url": "{{workspace.base_url}}/v2/identities/byEmail",
     "query": {"email": "{{input.email}}", "template": "{{input.template | default(79123584)}}"}}],
  "result": {
    "email": "{{input.email}}", "deliverable": "{{check.status}}", "did_you_mean": "{{check.did_you_mean}}",
    "name": "{{person.name | default(null)}}", "title": "{{person.title | default(null)}}",
    "linkedin": "{{person.linkedin | default(null)}}",
    "company": "{{person.company | default(company.name) | default(null)}}",
    "industry": "{{person.industry | default(company.industry) | default(null)}}",
    "employees": "{{person.employees | default(company.employees) | default(null)}}",
    "identities": "{{identity | default(null)}}",
    "steps": {"check": "{{steps.check.status}}", "person": "{{steps.person.status}}",
      "company": "{{steps.company.status}}", "identity": "{{steps.identity.status}}"}},
  "timeout_ms": 10000, "retries": 1, "deadline_ms": 60000}$json$)

  ) v(id, name, title, category, icon, tags, is_featured, description, requires_credentials, input_schema, config);

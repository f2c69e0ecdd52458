// A FHIR R4 server for tests whose HTTP layer, parameters and errors are
// node-fhir-server-core's, so that dossiersync meets a server that it was not
// written against. The store behind it is this file: resources in memory.
//
// It prints, as JSON, the base address ("base") and an address ("control"). POST to the
// latter, as JSON, changes what the server holds or shows, and answers all that it holds:
//   {"put": [resources], "remove": ["Type/id"]}
//   {"narrow": {"types": [..], "clients": [..], "fields": [..]}}: only these clients, none
//   of these types, without these members; {} ends it
'use strict';
const http = require('http');
const {initialize, resolveSchema, ServerError} = require('@asymmetrik/node-fhir-server-core');

const types = ['Patient', 'RelatedPerson', 'Practitioner', 'PractitionerRole', 'Organization', 'Questionnaire', 'Goal', 'CarePlan',
  'Provenance', 'Consent', 'Observation', 'DocumentReference', 'Composition', 'QuestionnaireResponse', 'Binary'];
let base;
const held = new Map(); // "Type/id" to resource
let narrow = {};

function put(resource) {
  const key = `${resource.resourceType}/${resource.id}`;
  const before = held.get(key);
  const version = before ? Number(before.meta.versionId) + 1 : 1;
  held.set(key, {...resource, meta: {...resource.meta, versionId: String(version), lastUpdated: new Date().toISOString()}});
}

function clientOf(r) {
  if (r.resourceType === 'Patient') return r.id;
  const ref = (r.subject || r.patient || {}).reference || '';
  return ref.startsWith('Patient/') ? ref.slice('Patient/'.length) : null;
}

// shown returns the resource as the caller's authorisation lets it be seen, or null.
function shown(r) {
  if ((narrow.types || []).includes(r.resourceType)) return null;
  const client = clientOf(r);
  if (narrow.clients && client !== null && !narrow.clients.includes(client)) return null;
  const copy = {...r};
  for (const field of narrow.fields || []) delete copy[field];
  return copy;
}

const codings = concept => (concept && concept.coding) || [];

function hasToken(list, token) {
  return token.split(',').some(one => {
    const [system, code] = one.includes('|') ? one.split('|') : [null, one];
    return list.some(c => c.code === code && (system === null || c.system === system));
  });
}

function inRange(value, text) {
  const [, prefix, moment] = text.match(/^(ge|gt|le|lt|eq)?(.*)$/);
  const at = Date.parse(value), than = Date.parse(moment);
  return {ge: at >= than, gt: at > than, le: at <= than, lt: at < than}[prefix || 'eq'] ?? at === than;
}

const filters = {
  _id: (r, v) => v.split(',').includes(r.id),
  _lastUpdated: (r, v) => inRange(r.meta.lastUpdated, v),
  _tag: (r, v) => hasToken(r.meta.tag || [], v),
  code: (r, v) => hasToken(codings(r.code), v),
  type: (r, v) => hasToken(codings(r.type), v),
  patient: (r, v) => clientOf(r) === v.replace(/^Patient\//, ''),
  subject: (r, v) => clientOf(r) === v.replace(/^Patient\//, ''),
};

function service(type) {
  return {
    async search(args, {req}) {
      let found = [...held.values()].filter(r => r.resourceType === type).map(shown).filter(r => r !== null);
      for (const [name, value] of Object.entries(args)) {
        if (filters[name]) found = found.filter(r => filters[name](r, String(value)));
      }
      found.sort((a, b) => a.meta.lastUpdated < b.meta.lastUpdated ? -1 : a.meta.lastUpdated > b.meta.lastUpdated ? 1 : a.id < b.id ? -1 : 1);
      const size = Math.min(Number(req.query._count) || 50, 50), from = Number(req.query._offset) || 0;
      const link = offset => {
        const query = new URLSearchParams(req.query);
        query.set('_offset', offset);
        return `${base}/${type}?${query}`;
      };
      const links = [{relation: 'self', url: link(from)}];
      if (from + size < found.length) links.push({relation: 'next', url: link(from + size)});
      return {resourceType: 'Bundle', type: 'searchset', total: found.length, link: links,
        entry: found.slice(from, from + size).map(r => ({fullUrl: `${base}/${type}/${r.id}`, resource: r, search: {mode: 'match'}}))};
    },
    async searchById({id}) {
      const r = held.get(`${type}/${id}`);
      const seen = r && shown(r);
      if (!seen) {
        const Outcome = resolveSchema('4_0_0', 'operationoutcome');
        throw new ServerError('not found', {...new Outcome({issue: [{severity: 'error', code: 'not-found'}]}).toJSON(), statusCode: 404});
      }
      return seen;
    },
  };
}

const profiles = {};
for (const type of types) profiles[type] = {service: service(type), versions: ['4_0_0']};
const fhir = http.createServer(initialize({profiles, logging: {level: 'error'}}).app).listen(0, '127.0.0.1');

const control = http.createServer((req, res) => {
  let body = '';
  req.on('data', part => { body += part; });
  req.on('end', () => {
    const change = JSON.parse(body || '{}');
    (change.put || []).forEach(put);
    (change.remove || []).forEach(key => held.delete(key));
    if (change.narrow) narrow = change.narrow;
    res.end(JSON.stringify(Object.fromEntries(held)));
  });
}).listen(0, '127.0.0.1');

const listening = server => new Promise(resolve => server.on('listening', () => resolve(`http://127.0.0.1:${server.address().port}`)));
Promise.all([listening(fhir), listening(control)]).then(([fhirAt, controlAt]) => {
  base = `${fhirAt}/4_0_0`;
  console.log(JSON.stringify({base, control: controlAt}));
});

// Prisma's own query engine, compiled to WASM, over the driver `pg`.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const pg = require('pg');
const { PrismaPg } = require('@prisma/adapter-pg');
const { bindAdapter } = require('@prisma/driver-adapter-utils');

const TEXT = 25;
const TEXT_LIST = 1009;

/** Whether the adapter takes a column of this type: it is asked with an empty table that has one. */
const taken = new Map();
async function takes(type) {
  if (!taken.has(type)) {
    const table = { fields: [{ name: 'column', dataTypeID: type }], rows: [], rowCount: 0 };
    const pool = Object.assign(Object.create(pg.Pool.prototype), { query: async () => table });
    taken.set(type, (await new PrismaPg(pool).queryRaw({ sql: '', args: [] })).ok);
  }
  return taken.get(type);
}

function asText(value) {
  return value instanceof Date ? value.toISOString() : String(value);
}

/**
 * The native engine reads types that it does not know as text, the adapter refuses the whole answer: catalogue names,
 * `void`, arrays of times. LiteLLM's raw queries have some of each.
 */
async function withKnownTypes(table) {
  for (const [at, field] of (table?.fields ?? []).entries()) {
    if (await takes(field.dataTypeID)) continue;
    const isList = table.rows.some((row) => Array.isArray(row[at]));
    field.dataTypeID = isList ? TEXT_LIST : TEXT;
    for (const row of table.rows) {
      if (row[at] !== null) row[at] = isList ? row[at].map((part) => (part === null ? null : asText(part))) : asText(row[at]);
    }
  }
  return table;
}

/** A connection whose answers the adapter takes. The pool asks with a callback, a transaction with a promise. */
class Client extends pg.Client {
  query(...given) {
    const last = given.at(-1);
    if (typeof given[0]?.submit === 'function') return super.query(...given);
    if (typeof last !== 'function') return super.query(...given).then(withKnownTypes);
    const done = (error, table) => (error ? last(error) : withKnownTypes(table).then((known) => last(null, known), last));
    return super.query(...given.slice(0, -1), done);
  }
}

function poolOf(address) {
  const url = new URL(address);
  const pool = new pg.Pool({
    Client,
    host: url.hostname,
    port: Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
    max: Number(url.searchParams.get('connection_limit') ?? 10),
    options: '-c TimeZone=UTC',
  });
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', (error) => console.error('query-engine: pool:', error.message));
  return pool;
}

function wasmEngine() {
  const folder = path.join(path.dirname(require.resolve('@prisma/client/package.json')), 'runtime');
  const glue = require(path.join(folder, 'query_engine_bg.postgresql.js'));
  const module_ = new WebAssembly.Module(fs.readFileSync(path.join(folder, 'query_engine_bg.postgresql.wasm')));
  glue.__wbg_set_wasm(new WebAssembly.Instance(module_, { './query_engine_bg.js': glue }).exports);
  return glue.QueryEngine;
}

/** The client names its database in OVERWRITE_DATASOURCES if its caller gave one, otherwise in the environment. */
function addressOf() {
  const [over] = JSON.parse(process.env.OVERWRITE_DATASOURCES || '[]');
  return over?.url ?? process.env.DATABASE_URL;
}

async function connect(datamodel) {
  const Engine = wasmEngine();
  const settings = { datamodel, logLevel: 'error', logQueries: false, ignoreEnvVarErrors: true, datasourceOverrides: {}, env: process.env, engineProtocol: 'json' };
  const engine = new Engine(settings, () => {}, bindAdapter(new PrismaPg(poolOf(addressOf()))));
  const trace = '{}';
  await engine.connect(trace);
  return {
    query: async (request, transaction) => JSON.parse(await engine.query(JSON.stringify(request), trace, transaction)),
    begin: async ({ max_wait = 2000, timeout = 5000, isolation_level }) =>
      JSON.parse(await engine.startTransaction(JSON.stringify({ max_wait, timeout, isolation_level }), trace)),
    end: async (id, how) => JSON.parse((await (how === 'commit' ? engine.commitTransaction(id, trace) : engine.rollbackTransaction(id, trace))) || '{}'),
  };
}

module.exports = { connect };

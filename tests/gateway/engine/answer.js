// Answers of the JSON protocol, as the client knows them from GraphQL.
'use strict';

/** Values without the marks of their types: {"$type": "DateTime", "value": "…"} is its value. */
function unmarked(value) {
  if (Array.isArray(value)) return value.map(unmarked);
  if (value === null || typeof value !== 'object') return value;
  if (typeof value.$type === 'string') return value.value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, unmarked(part)]));
}

/** A cell of a raw query, in the form of the engines that the client was made for. */
function cell(type, value) {
  if (value === null || value === undefined) return { prisma__type: 'null', prisma__value: null };
  const element = /^(.*)-array$/.exec(type)?.[1];
  return element ? { prisma__type: 'array', prisma__value: value.map((part) => cell(element, part)) } : { prisma__type: type, prisma__value: value };
}

/** Rows of a raw query. Newer engines answer with columns, types and rows; the client wants an object for each row. */
function rowsOf(table) {
  return table.rows.map((row) => Object.fromEntries(table.columns.map((name, at) => [name, cell(table.types[at], row[at])])));
}

/** The answer to the one action of a request. */
function answerOf(data) {
  const [[action, given] = []] = Object.entries(data ?? {});
  if (action !== 'queryRaw') return unmarked(given ?? null);
  const bare = given?.$type === 'Raw' ? given.value : given;
  const table = typeof bare === 'string' ? JSON.parse(bare) : bare;
  return Array.isArray(table?.columns) ? rowsOf(table) : table;
}

module.exports = { answerOf };

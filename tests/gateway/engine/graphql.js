// GraphQL operations of the client, as requests of Prisma's JSON protocol.
//
// Both protocols have the same arguments and selections. They differ in two ways: the JSON protocol names the model
// beside the action (GraphQL has one word, `findManyLiteLLM_UserTable`), and it marks documents for columns of the type
// Json, which GraphQL writes as plain strings. So translating takes the types of the fields.
'use strict';
const { parse } = require('graphql');

const RAW = ['queryRaw', 'executeRaw'];
const ACTIONS = ['findUnique', 'findFirst', 'findMany', 'createOne', 'createMany', 'updateOne', 'updateMany', 'upsertOne', 'deleteOne', 'deleteMany',
  'aggregate', 'groupBy'];
// Parts of a filter on a Json column that are words, not documents.
const WORDS = new Set(['path', 'mode', 'string_contains', 'string_starts_with', 'string_ends_with']);
// Where a value stands, beside the name of a model: in a document, or where names mean nothing.
const DOCUMENT = Symbol('document');
const NOWHERE = Symbol('nowhere');

/** Every model with its fields' types, from the text of a schema. */
function modelsOf(datamodel) {
  const models = new Map();
  let fields = null;
  for (const line of datamodel.split('\n')) {
    const [word, name] = line.replace(/\/\/.*/, '').trim().split(/\s+/);
    if (word === '}') fields = null;
    // A field may have the name `model` too.
    else if (fields && /^\w+$/.test(word) && name) fields.set(word, name.replace(/\W.*/, ''));
    else if (!fields && word === 'model') models.set(name, (fields = new Map()));
  }
  return models;
}

class Translator {
  constructor(datamodel) {
    this.models = modelsOf(datamodel);
    // Longest first, for names that end in another model's name.
    this.names = [...this.models.keys()].sort((a, b) => b.length - a.length);
  }

  /** The one operation of a document: its request, and the name that its answer has. */
  operation(text) {
    const field = parse(text, { noLocation: true }).definitions[0].selectionSet.selections[0];
    const { action, model } = this.split(field.name.value);
    const query = this.query(field, model ?? NOWHERE);
    return { alias: (field.alias ?? field.name).value, request: model ? { modelName: model, action, query } : { action, query } };
  }

  split(word) {
    if (RAW.includes(word)) return { action: word };
    const raises = word.endsWith('OrThrow') ? 'OrThrow' : '';
    const base = word.slice(0, word.length - raises.length);
    for (const model of this.names) {
      const action = base.slice(0, -model.length);
      if (base.endsWith(model) && ACTIONS.includes(action)) return { action: action + raises, model };
    }
    throw new Error(`no such operation: ${word}`);
  }

  query(field, where) {
    const list = field.arguments ?? [];
    return { arguments: this.object(list, where), selection: this.selection(field.selectionSet, where) };
  }

  selection(set, where) {
    const chosen = {};
    for (const field of set?.selections ?? []) {
      const name = field.name.value;
      const bare = !field.selectionSet && !field.arguments?.length;
      chosen[name] = bare ? true : this.query(field, this.related(where, name) ?? where);
    }
    return chosen;
  }

  /** The model that a field of a model leads to. */
  related(where, name) {
    const type = this.models.get(where)?.get(name);
    return this.models.has(type) ? type : undefined;
  }

  object(fields, where) {
    return Object.fromEntries(fields.map(({ name, value }) => [name.value, this.value(value, this.inside(where, name.value))]));
  }

  /** What the value of a name stands in. A name that is no field (`data`, `AND`, a compound key) keeps the model. */
  inside(where, name) {
    if (where === DOCUMENT) return WORDS.has(name) ? NOWHERE : DOCUMENT;
    const type = this.models.get(where)?.get(name);
    if (type === undefined) return where;
    if (type === 'Json') return DOCUMENT;
    return this.models.has(type) ? type : NOWHERE;
  }

  value(node, where) {
    switch (node.kind) {
      case 'ObjectValue':
        return this.object(node.fields, where);
      case 'ListValue':
        return node.values.map((item) => this.value(item, where));
      case 'StringValue':
        return where === DOCUMENT ? { $type: 'Json', value: node.value } : node.value;
      case 'IntValue':
      case 'FloatValue':
        return Number(node.value);
      case 'NullValue':
        return null;
      default: // booleans and words of an enum
        return node.value;
    }
  }
}

module.exports = { Translator };

// Provokes every schema library of Node we know and prints each refusal the ways programs print it.
// Usage: NODE_PATH=<node_modules> node print.js [DATABASE_URL] > node.jsonl     one JSON object a case: {tool, version, how, events, expect}
'use strict'
const { spawnSync } = require('node:child_process')
const http = require('node:http')
const path = require('node:path')
const version = (name) => require(path.join(process.env.NODE_PATH, name, 'package.json')).version

const cases = []
function capture (print) {
  const parts = []
  const out = process.stdout.write, err = process.stderr.write
  process.stdout.write = process.stderr.write = (chunk) => { parts.push(String(chunk)); return true }
  try { print() } finally { process.stdout.write = out; process.stderr.write = err }
  return parts.join('')
}
const cwd = path.dirname(process.env.NODE_PATH)
const real = require('node:fs').realpathSync(cwd)
const lines = (text) => text.split(real).join('/app').split(cwd).join('/app').split(__dirname).join('/app').split('\n').filter((line) => line !== '')
const record = (tool, how, print, expect) => cases.push({ tool, version: version(tool), how, events: lines(capture(print)), expect })

// --- the ways of printing -------------------------------------------------------------------------
const pino = require('pino')
const winston = require('winston')
const bunyan = require('bunyan')
const toStdout = { write: (line) => process.stdout.write(line) }
const { Writable } = require('node:stream')
const sink = () => new Writable({ write (chunk, _e, done) { process.stdout.write(chunk); done() } })
const pinoLog = () => pino({ base: undefined }, toStdout)
const winstonLog = (stack) => winston.createLogger({
  format: winston.format.combine(...(stack ? [winston.format.errors({ stack: true })] : []), winston.format.timestamp(), winston.format.json()),
  transports: [new winston.transports.Stream({ stream: sink() })]
})
const bunyanLog = () => bunyan.createLogger({ name: 'api', hostname: 'h', serializers: bunyan.stdSerializers, streams: [{ stream: toStdout }] })
const ways = {
  'console.error(error)': (e) => console.error(e),
  'console.error(text, error)': (e) => console.error('Could not save:', e),
  'console.log(JSON.stringify(error))': (e) => console.log(JSON.stringify(e)),
  'console.error(error.message)': (e) => console.error(e.message),
  'pino.error({ err })': (e) => pinoLog().error({ err: e }, 'request failed'),
  'pino.error(error)': (e) => pinoLog().error(e),
  'winston.error(error)': (e) => winstonLog(false).error(e),
  'winston.error(error) with stack': (e) => winstonLog(true).error(e),
  'winston.error(text, { error })': (e) => winstonLog(false).error('request failed', { error: e }),
  'bunyan.error({ err })': (e) => bunyanLog().error({ err: e }, 'request failed')
}
const all = (tool, error, expect, skip = []) => {
  for (const [how, print] of Object.entries(ways)) if (!skip.includes(how)) record(tool, how, () => print(error), expect)
}
const caught = (work) => { try { work() } catch (error) { return error } throw new Error('nothing was refused') }

// --- zod ------------------------------------------------------------------------------------------
for (const tool of ['zod3', 'zod4']) {
  const { z } = require(tool)
  const schema = z.object({
    sessionDate: z.string(),
    email: z.string().email(),
    status: z.enum(['DRAFT', 'SIGNED']),
    participants: z.array(z.object({ role: z.enum(['PRIMARY', 'GUARDIAN']) })),
    minutes: z.number().min(1)
  }).strict()
  const bad = { email: 'nobody', status: 'SAVED', participants: [{ role: 'PRIMARY' }, { role: 'PARENT' }], minutes: 0, extra: 1 }
  const fields = ['sessionDate', 'email', 'status', 'participants.1.role', 'minutes']
  const expect = { category: 'validation', layer: 'validation', system: 'zod', code: 'invalid_type', fields }
  all(tool, schema.safeParse(bad).error, expect)
  const thrown = caught(() => schema.parse(bad))
  record(tool, 'console.error(thrown)', () => console.error(thrown), expect)
  record(tool, 'console.error(error.stack)', () => console.error(thrown.stack), expect)
  record(tool, 'console.error(error.issues)', () => console.error(thrown.issues), expect)
  record(tool, 'console.error(text, JSON.stringify(error.issues))', () => console.error('Validation failed: ' + JSON.stringify(thrown.issues)), expect)
  record(tool, 'console.error(text, JSON.stringify(error.issues, null, 2))', () => console.error('Validation failed:', JSON.stringify(thrown.issues, null, 2)), expect)
  record(tool, 'winston.warn(text, { errors })', () => winstonLog(false).warn('Zod validation error', { method: 'POST', path: '/api/v1/notes', errors: thrown.issues.map((i) => ({ path: i.path.join('.'), message: i.message, code: i.code })) }), expect)
  const flat = { ...expect, code: undefined, fields: ['sessionDate', 'email', 'status', 'participants', 'minutes'] }
  record(tool, 'console.error(error.flatten())', () => console.error(thrown.flatten()), flat)
  record(tool, 'pino.warn(error.flatten())', () => pinoLog().warn(thrown.flatten(), 'bad note'), flat)
  record(tool, 'console.error(JSON.stringify(error.flatten()))', () => console.error(JSON.stringify(thrown.flatten())), flat)
  record(tool, 'console.error(error.flatten().fieldErrors)', () => console.error('❌ Invalid environment variables:', thrown.flatten().fieldErrors), { ...flat })
  const tree = { ...expect, code: undefined }
  record(tool, 'pino.warn({ errors: error.format() })', () => pinoLog().warn({ errors: thrown.format() }, 'bad note'), tree)
  record(tool, 'console.error(JSON.stringify(error.format()))', () => console.error(JSON.stringify(thrown.format())), tree)
  if (tool === 'zod4') {
    record(tool, 'console.error(z.prettifyError(error))', () => console.error(z.prettifyError(thrown)), tree)
    record(tool, 'console.error(JSON.stringify(z.treeifyError(error)))', () => console.error(JSON.stringify(z.treeifyError(thrown))), tree)
    record(tool, 'pino.warn({ errors: z.treeifyError(error) })', () => pinoLog().warn({ errors: z.treeifyError(thrown) }, 'bad'), tree)
  }
  const union = z.object({ contact: z.union([z.object({ phone: z.string() }), z.object({ email: z.string().email() })]) })
  all(tool, union.safeParse({ contact: {} }).error, { ...expect, code: 'invalid_union', fields: ['contact'] }, ['winston.error(error)'])
}

// --- Joi, celebrate -------------------------------------------------------------------------------
{
  const Joi = require('joi')
  const schema = Joi.object({ sessionDate: Joi.string().required(), minutes: Joi.number().min(1), client: Joi.object({ name: Joi.string().required() }) })
  const { error } = schema.validate({ minutes: 0, client: {} }, { abortEarly: false })
  const expect = { category: 'validation', layer: 'validation', system: 'joi', code: 'any.required', fields: ['sessionDate', 'minutes', 'client.name'] }
  const textOnly = { ...expect, code: undefined }
  for (const [how, print] of Object.entries(ways)) record('joi', how, () => print(error), ['console.error(error.message)', 'winston.error(error)', 'winston.error(error) with stack', 'pino.error(error)', 'bunyan.error({ err })'].includes(how) ? { ...expect, code: '*' } : { ...expect, code: '*' })
  record('joi', 'console.error(error.details)', () => console.error(error.details), expect)
  record('joi', 'winston.warn(text, { details })', () => winstonLog(false).warn('bad', { details: error.details }), expect)
  void textOnly
}

// --- Ajv ------------------------------------------------------------------------------------------
{
  const Ajv = require('ajv').default
  const ajv = new Ajv({ allErrors: true })
  const validate = ajv.compile({ type: 'object', required: ['appointmentId'], properties: { minutes: { type: 'integer', minimum: 1 }, attendees: { type: 'array', items: { type: 'object', required: ['name'] } } } })
  validate({ minutes: 'x', attendees: [{ name: 'a' }, {}] })
  const fields = ['appointmentId', 'minutes', 'attendees.1.name']
  const expect = { category: 'validation', layer: 'validation', system: 'ajv', code: 'required', fields }
  const errors = validate.errors
  record('ajv', 'console.error(validate.errors)', () => console.error(errors), expect)
  record('ajv', 'console.error(JSON.stringify(errors))', () => console.error('invalid request ' + JSON.stringify(errors)), expect)
  record('ajv', 'pino.warn({ errors })', () => pinoLog().warn({ errors }, 'invalid request'), expect)
  record('ajv', 'ajv.errorsText()', () => console.error('invalid request: ' + ajv.errorsText(errors)), { ...expect, code: undefined })
}

// --- yup, valibot, class-validator, express-validator, Mongoose --------------------------------------
{
  const yup = require('yup')
  const schema = yup.object({ name: yup.string().required(), age: yup.number().min(1), owner: yup.object({ email: yup.string().email() }) })
  const bad = { age: 0, owner: { email: 'x' } }
  const expect = { category: 'validation', layer: 'validation', system: 'yup', fields: ['name'] }
  all('yup', caught(() => schema.validateSync({ age: 2, owner: {} })), expect)
  all('yup', caught(() => schema.validateSync(bad, { abortEarly: false })), { ...expect, fields: '*' }, ['console.error(error.message)'])
}
{
  const v = require('valibot')
  const schema = v.object({ email: v.pipe(v.string(), v.email()), age: v.pipe(v.number(), v.minValue(1)), tags: v.array(v.string()) })
  const error = caught(() => v.parse(schema, { email: 'x', age: 0, tags: ['a', 1] }))
  all('valibot', error, { category: 'validation', layer: 'validation', system: 'valibot', fields: '*' })
  record('valibot', 'pino.warn({ issues: v.flatten(issues) })', () => pinoLog().warn({ errors: v.flatten(error.issues) }, 'bad'), { category: 'validation', fields: ['email', 'age', 'tags.1'] })
}
{
  require('reflect-metadata')
  const cv = require('class-validator')
  class Address { constructor () { this.city = 5 } }
  cv.IsString()(Address.prototype, 'city')
  class Note { constructor () { this.title = 1; this.email = 'x'; this.address = new Address() } }
  cv.MinLength(3)(Note.prototype, 'title'); cv.IsString()(Note.prototype, 'title'); cv.IsEmail()(Note.prototype, 'email'); cv.ValidateNested()(Note.prototype, 'address')
  const errors = cv.validateSync(new Note())
  const expect = { category: 'validation', layer: 'validation', system: 'class-validator', code: '*', fields: ['title', 'email', 'address.city'] }
  record('class-validator', 'console.error(errors)', () => console.error(errors), { ...expect, fields: '*' })
  record('class-validator', 'console.error(String(error))', () => console.error(String(errors[0])), { ...expect, code: 'minLength', fields: ['title'] })
  record('class-validator', 'console.error(JSON.stringify(errors))', () => console.error(JSON.stringify(errors)), expect)
  record('class-validator', 'pino.warn({ errors })', () => pinoLog().warn({ errors }, 'bad'), expect)
  const { BadRequestException, ValidationPipe } = require('@nestjs/common')
  const thrown = new ValidationPipe().createExceptionFactory()(errors)
  void BadRequestException
  const nest = { category: 'validation', layer: 'validation', fields: ['title', 'email', 'address.city'] }
  record('@nestjs/common', 'console.error(exception)', () => console.error(thrown), nest)
  record('@nestjs/common', 'console.error(JSON.stringify(exception))', () => console.error(JSON.stringify(thrown)), nest)
  record('@nestjs/common', 'console.error(JSON.stringify(exception.getResponse()))', () => console.error(JSON.stringify(thrown.getResponse())), nest)
  record('@nestjs/common', 'pino.error({ err })', () => pinoLog().error({ err: thrown }, 'bad'), nest)
  record('@nestjs/common', 'winston.error(exception)', () => winstonLog(true).error(thrown), nest)
}
{
  const mongoose = require('mongoose')
  const Product = mongoose.model('Product', new mongoose.Schema({ name: { type: String, required: true }, price: { type: Number, min: 1 }, kind: { type: String, enum: ['a', 'b'] }, owner: mongoose.Schema.Types.ObjectId }))
  const error = new Product({ price: 0, kind: 'z' }).validateSync()
  const expect = { category: 'validation', layer: '*', system: 'mongoose', code: '*', fields: ['name', 'price', 'kind'] }
  all('mongoose', error, { ...expect })
  all('mongoose', new Product({ name: 'n', owner: 'not-an-id' }).validateSync(), { ...expect, fields: ['owner'] })
}

async function served () {
  const ev = require('express-validator')
  const request = { body: { email: 'x', minutes: 'many' }, query: { limit: 'ten' }, params: {}, headers: {}, cookies: {} }
  for (const chain of [ev.body('email').isEmail(), ev.body('minutes').isInt(), ev.query('limit').isInt()]) await chain.run(request)
  const errors = ev.validationResult(request).array()
  const expect = { category: 'validation', layer: 'validation', code: '*', fields: ['email', 'minutes', 'limit'] }
  record('express-validator', 'console.error(errors.array())', () => console.error(errors), expect)
  record('express-validator', 'console.log(JSON.stringify({ errors }))', () => console.log(JSON.stringify({ errors })), expect)
  record('express-validator', 'winston.warn(text, { errors })', () => winstonLog(false).warn('invalid', { errors }), expect)

  const { graphql, buildSchema } = require('graphql')
  const answer = await graphql({ schema: buildSchema('input I { details: String! } type Query { a(i: I!): String }'), source: 'query($i: I!) { a(i: $i) }', variableValues: { i: {} } })
  record('graphql', 'console.error(error)', () => console.error(answer.errors[0]), { category: 'validation', fields: '*' })
  record('graphql', 'console.log(JSON.stringify(answer))', () => console.log(JSON.stringify(answer)), { category: 'validation', fields: '*' })

  const express = require('express')
  const { celebrate, Joi, errors: celebrateErrors } = require('celebrate')
  for (const [how, handler] of [
    ['console.error(error)', (e) => console.error(e)],
    ['console.error(error.stack)', (e) => console.error(e.stack)],
    ['pino.error({ err })', (e) => pinoLog().error({ err: e }, 'bad request')],
    ['winston.error(error)', (e) => winstonLog(true).error(e)]
  ]) {
    const app = express()
    app.use(express.json({ limit: 200 }))
    app.post('/notes', celebrate({ body: Joi.object({ lastName: Joi.string().required() }) }), (_q, s) => s.end())
    let text = ''
    app.use((error, _q, s, _n) => { text = capture(() => handler(error)); s.status(400).end() })
    void celebrateErrors
    const say = async (tool, body, expect, headers = {}) => {
      await post(app, body, headers)
      cases.push({ tool, version: version(tool), how, events: lines(text), expect })
    }
    await say('body-parser', '{"a": 1,}', { category: 'validation', layer: 'body_parser' })
    await say('body-parser', '{"a": ', { category: 'validation', layer: 'body_parser' })
    await say('body-parser', JSON.stringify({ a: 'x'.repeat(300) }), { category: 'http_4xx', layer: 'body_parser', status: 413 })
    await say('body-parser', 'x', { category: 'http_4xx', layer: 'body_parser', status: 415 }, { 'content-type': 'application/json; charset=klingon' })
    await say('celebrate', '{"a":1}', { category: 'validation', layer: 'validation', fields: '*' })
  }

  const fastify = require('fastify')
  for (const allErrors of [false, true]) {
    let text = ''
    const app = fastify({ bodyLimit: 200, ajv: { customOptions: { allErrors } }, logger: { level: 'info', base: undefined, stream: { write: (line) => { text += line } } } })
    app.post('/v1/sessions', { schema: { body: { type: 'object', required: ['appointmentId'], properties: { minutes: { type: 'integer' }, attendees: { type: 'array', items: { type: 'object', required: ['name'] } } } } } }, () => ({}))
    app.get('/v1/sessions', { schema: { querystring: { type: 'object', properties: { limit: { type: 'string', pattern: '^[0-9]+$' } } } } }, () => ({}))
    const say = async (how, options, expect) => {
      text = ''
      await app.inject(options)
      cases.push({ tool: 'fastify', version: version('fastify'), how: `${how}${allErrors ? ', all errors' : ''}`, events: lines(text).filter((line) => line.includes('"err"')), expect })
    }
    const json = { 'content-type': 'application/json' }
    await say('missing', { method: 'POST', url: '/v1/sessions', payload: { minutes: 1 } }, { category: 'validation', layer: 'validation', status: 400, fields: ['appointmentId'] })
    await say('nested', { method: 'POST', url: '/v1/sessions', payload: { appointmentId: 1, attendees: [{ name: 'a' }, {}] } }, { category: 'validation', layer: 'validation', fields: ['attendees.1.name'] })
    await say('querystring', { method: 'GET', url: '/v1/sessions?limit=ten' }, { category: 'validation', layer: 'validation', fields: ['limit'] })
    await say('two', { method: 'POST', url: '/v1/sessions', payload: { minutes: 'many' } }, { category: 'validation', layer: 'validation', fields: allErrors ? ['appointmentId', 'minutes'] : ['appointmentId'] })
    await say('malformed', { method: 'POST', url: '/v1/sessions', payload: '{"a":', headers: json }, { category: 'validation', layer: 'body_parser', code: 'FST_ERR_CTP_INVALID_JSON_BODY' })
    await say('empty', { method: 'POST', url: '/v1/sessions', payload: '', headers: json }, { category: 'validation', layer: 'body_parser' })
    await say('too large', { method: 'POST', url: '/v1/sessions', payload: JSON.stringify({ a: 'x'.repeat(300) }), headers: json }, { category: 'http_4xx', layer: 'body_parser', status: 413 })
    await say('content type', { method: 'POST', url: '/v1/sessions', payload: 'x', headers: { 'content-type': 'text/x' } }, { category: 'http_4xx', layer: 'body_parser', status: 415 })
  }
}

function post (app, body, headers) {
  return new Promise((resolve) => {
    const server = app.listen(0, '127.0.0.1', () => {
      const request = http.request({ port: server.address().port, path: '/notes', method: 'POST', headers: { 'content-type': 'application/json', ...headers } }, (answer) => {
        answer.resume(); answer.on('end', () => server.close(resolve))
      })
      request.end(body)
    })
  })
}

// --- a process that dies of it ------------------------------------------------------------------------
const dying = {
  'uncaught zod 3': ["const { z } = require('zod3'); z.object({ DATABASE_URL: z.string() }).parse({})", { category: 'validation', fields: ['DATABASE_URL'] }],
  'uncaught zod 4': ["const { z } = require('zod4'); z.object({ DATABASE_URL: z.string() }).parse({})", { category: 'validation', fields: ['DATABASE_URL'] }],
  'uncaught TypeError': ["null.x", { mark: 'crashed' }],
  'unhandled rejection': ["Promise.reject(new Error('boom'))", { mark: 'crashed' }],
  'unhandled rejection of a text': ["Promise.reject('boom')", { mark: 'crashed' }],
  'module not found': ["require('./nowhere.js')", { mark: 'crashed' }],
  'port in use': ["const h = require('http'); const a = h.createServer().listen(0, () => h.createServer().listen(a.address().port))", { mark: 'crashed' }],
  'heap': ["const a = []; for (;;) a.push(new Array(1e5).fill({}))", { mark: 'crashed' }],
  'connection refused': ["require('net').connect(5, '127.0.0.1')", { category: 'connection', code: 'ECONNREFUSED', mark: 'crashed' }],
  'host not found': ["require('net').connect(5432, 'nowhere.invalid')", { category: 'connection', mark: 'crashed' }]
}
function died () {
  for (const [how, [code, expect]] of Object.entries(dying)) {
    const run = spawnSync(process.execPath, ['--max-old-space-size=40', '-e', code], { encoding: 'utf8', cwd })
    cases.push({ tool: 'node', version: process.version, how, events: lines(run.stdout + run.stderr), expect })
  }
}

// --- PostgreSQL through drivers and ORMs -----------------------------------------------------------
const TABLES = `
DROP TABLE IF EXISTS note, client;
CREATE TABLE client (id int PRIMARY KEY);
CREATE TABLE note (id serial PRIMARY KEY, title varchar(36) NOT NULL, email text UNIQUE, client_id int REFERENCES client, status text CHECK (status IN ('DRAFT', 'SIGNED')));
INSERT INTO note (title, email) VALUES ('a', 'x@example.com')`
const STATEMENTS = {
  'not null': ['INSERT INTO note (title) VALUES (NULL)', '23502', ['title']],
  unique: ["INSERT INTO note (title, email) VALUES ('b', 'x@example.com')", '23505', ['email']],
  'foreign key': ["INSERT INTO note (title, client_id) VALUES ('b', 77)", '23503', ['client_id']],
  check: ["INSERT INTO note (title, status) VALUES ('b', 'LOST')", '23514', []],
  'no table': ['SELECT * FROM nowhere', '42P01', []],
  'no column': ['SELECT due FROM note', '42703', ['due']],
  'column exists': ['ALTER TABLE note ADD COLUMN title text', '42701', ['title']],
  syntax: ['SELEC 1', '42601', []],
  'bad uuid': ["SELECT 'x'::uuid", '22P02', []],
  'too long': ["INSERT INTO note (title) VALUES (repeat('x', 60))", '22001', []],
  'time-out': ['SET statement_timeout = 20; SELECT pg_sleep(1)', '57014', []]
}
async function refusedByDatabase (url) {
  if (!url) return
  const { Client } = require('pg')
  const fresh = async () => { const c = new Client(url); await c.connect(); return c }
  const first = await fresh()
  await first.query(TABLES)
  await first.end()
  const knex = require('knex')({ client: 'pg', connection: url, pool: { min: 0, max: 2 } })
  const { Sequelize, DataTypes } = require('sequelize')
  const sequelize = new Sequelize(url, { logging: false })
  const { DataSource } = require('typeorm')
  require('reflect-metadata')
  const typeorm = await new DataSource({ type: 'postgres', url }).initialize()
  const postgres = require('postgres')(url, { onnotice: () => {} })
  const { drizzle } = require('drizzle-orm/node-postgres')
  const { sql } = require('drizzle-orm')
  const pool = new (require('pg').Pool)({ connectionString: url })
  const drivers = {
    pg: async (q) => { const c = await fresh(); try { await c.query(q) } finally { await c.end() } },
    knex: (q) => knex.raw(q),
    sequelize: (q) => sequelize.query(q),
    typeorm: (q) => typeorm.query(q),
    postgres: (q) => postgres.unsafe(q),
    'drizzle-orm': (q) => drizzle(pool).execute(sql.raw(q))
  }
  const failed = async (work) => { try { await work() } catch (error) { return error } throw new Error('nothing was refused') }
  const hows = Object.keys(ways)
  let turn = 0
  for (const [what, [statement, code, fields]] of Object.entries(STATEMENTS)) {
    for (const [tool, run] of Object.entries(drivers)) {
      const error = await failed(() => run(statement))
      const how = hows[turn++ % hows.length]
      const bare = /message|winston.error\(error\)$|bunyan/.test(how) || (tool === 'sequelize' && /JSON|winston/.test(how))
      if (tool === 'drizzle-orm' && (bare || what === 'column exists')) continue // its own sentence holds nothing of the database's
      record(tool, `${what}, ${how}`, () => ways[how](error), { category: 'database', layer: 'database', implied: code, fields: bare || (tool === 'drizzle-orm') ? '*' : fields })
    }
  }
  const User = sequelize.define('User', { name: { type: DataTypes.STRING, allowNull: false }, email: { type: DataTypes.STRING, validate: { isEmail: true } } })
  const invalid = await failed(() => User.build({ email: 'x' }).validate())
  for (const [how, print] of Object.entries(ways)) record('sequelize', `model, ${how}`, () => print(invalid), { category: 'validation', fields: /bunyan|console.error|with stack/.test(how) ? '*' : ['name', 'email'] })
  await Promise.all([knex.destroy(), sequelize.close(), typeorm.destroy(), postgres.end(), pool.end()])
  const nowhere = await failed(() => new Client('postgres://u@127.0.0.1:5/x').connect())
  for (const [how, print] of Object.entries(ways)) record('pg', `refused, ${how}`, () => print(nowhere), { category: 'connection' })
  const wrong = await failed(() => new Client(url.replace('postgres@', 'nobody_here@')).connect())
  for (const [how, print] of Object.entries(ways)) record('pg', `no role, ${how}`, () => print(wrong), { category: 'connection', implied: '28000' })
}

served().then(() => refusedByDatabase(process.argv[2])).then(died).then(() => { for (const one of cases) console.log(JSON.stringify(one)) })

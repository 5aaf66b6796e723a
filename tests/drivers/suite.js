// SPDX-License-Identifier: GPL-3.0-or-later
// What a driver must be able to do through the proxy: prints "ok NAME" or "not ok NAME: WHY" a line.
//   node suite.js DRIVER-FOLDER URI PASSWORD SIZE [CASE...]
// URI may end its scheme in +s, of 1.7 too: then the authority in NODE_EXTRA_CA_CERTS is trusted.
// SIZE is how many records the large result has. "loop" as the only case writes until told to stop.
'use strict'
const [folder, uri, password, size, ...only] = process.argv.slice(2)
const path = require('path')
const loaded = require(path.join(folder, 'node_modules', 'neo4j-driver'))
const neo4j = loaded.v1 || loaded
const major = parseInt(require(path.join(folder, 'node_modules/neo4j-driver/package.json')).version)
const tag = `js${major}-${uri.split(':')[0]}-${process.pid}`
const retryMs = 60000

function connect (secret) {
  const config = { maxTransactionRetryTime: retryMs, connectionTimeout: 10000, maxConnectionPoolSize: 200 }
  if (major > 1) return neo4j.driver(uri, neo4j.auth.basic('neo4j', secret), config)
  const secure = uri.includes('+s:')
  Object.assign(config, secure ? { encrypted: 'ENCRYPTION_ON', trust: 'TRUST_SYSTEM_CA_SIGNED_CERTIFICATES' } : { encrypted: false })
  return neo4j.driver(uri.replace('+s:', ':'), neo4j.auth.basic('neo4j', secret), config)
}
function open (driver, mode, bookmarks) {
  if (major === 1) return driver.session(mode === 'r' ? neo4j.session.READ : neo4j.session.WRITE, bookmarks)
  return driver.session({ defaultAccessMode: mode === 'r' ? neo4j.session.READ : neo4j.session.WRITE, bookmarks })
}
const write = (s, f) => (s.executeWrite || s.writeTransaction).call(s, f)
const read = (s, f) => (s.executeRead || s.readTransaction).call(s, f)
const marks = s => s.lastBookmarks ? s.lastBookmarks() : s.lastBookmark()
const number = v => Number(v.toString())
function must (held, why) { if (!held) throw new Error(why) }
async function inSession (driver, f, mode, bookmarks) {
  const s = open(driver, mode, bookmarks)
  try { return await f(s) } finally { await s.close() }
}
const count = async (x, name) => number((await x.run('MATCH (n:D {name: $name}) RETURN count(n) AS c', { name })).records[0].get('c'))
// Points and times came with Neo4j 3.4.
async function knowsPoints (d) {
  const [a, b] = (await inSession(d, s => s.run('CALL dbms.components() YIELD versions RETURN versions[0] AS v'))).records[0].get('v').split('.')
  return a > 3 || (a === '3' && b >= 4)
}
const add = (x, name) => x.run('CREATE (n:D {name: $name})', { name })

const cases = {
  async write (d) {
    await inSession(d, s => write(s, tx => add(tx, tag + 'w')))
    must(await inSession(d, s => count(s, tag + 'w')) === 1, 'the write is not there')
  },
  async read (d) {
    must(number(await inSession(d, s => read(s, async tx => (await tx.run('RETURN 7 AS x')).records[0].get('x')))) === 7, 'not 7')
  },
  async auto (d) {
    await inSession(d, s => add(s, tag + 'a'))
    must(await inSession(d, s => count(s, tag + 'a')) === 1, 'the write is not there')
    must((await inSession(d, s => s.run('RETURN 1'), 'r')).records.length === 1, 'no record in a read session')
  },
  async explicit (d) {
    await inSession(d, async s => {
      let tx = await s.beginTransaction()
      for (let i = 0; i < 10; i++) await add(tx, tag + 'e')
      await tx.commit()
      tx = await s.beginTransaction()
      await add(tx, tag + 'e')
      await tx.rollback()
      must(await count(s, tag + 'e') === 10, 'not what was committed')
    })
  },
  async bookmarks (d) {
    for (let i = 1; i <= (size > 100000 ? 20 : 5); i++) {
      const b = await inSession(d, async s => { await write(s, tx => add(tx, tag + 'b')); return marks(s) })
      const n = await inSession(d, s => read(s, tx => count(tx, tag + 'b')), 'r', b)
      must(n === i, `a reader with the bookmark saw ${n} of ${i}`)
    }
  },
  async large (d) {
    let n = 0
    await inSession(d, s => new Promise((resolve, reject) => s.run('UNWIND range(1, $n) AS x RETURN x, "abcdefghij"', { n: neo4j.int(size) })
      .subscribe({ onNext: () => n++, onCompleted: resolve, onError: reject })))
    must(n === Number(size), `${n} records`)
  },
  async parameter (d) {
    const p = 'x'.repeat(5 << 20)
    const r = await inSession(d, s => s.run('RETURN size($p) AS n, $p AS p', { p }))
    must(number(r.records[0].get('n')) === p.length && r.records[0].get('p') === p, 'not what was sent')
  },
  async huge (d) {
    const p = 'x'.repeat(50 << 20)
    let code = 'none'
    try { await inSession(d, s => s.run('RETURN size($p) AS n', { p })) } catch (e) { code = e.code }
    must(code === 'Neo.ClientError.Request.Invalid' || code === 'ServiceUnavailable' || code === 'SessionExpired', `50 MB: ${code}`)
    must((await inSession(d, s => s.run('RETURN 1'))).records.length === 1, 'nothing works afterwards')
  },
  async types (d) {
    const D = neo4j.types
    const later = [new D.Point(neo4j.int(4326), 1.5, 2.5), new D.Date(2018, 3, 4), new D.Duration(1, 2, 3, 4), new D.LocalDateTime(2018, 1, 2, 3, 4, 5, 6), new D.DateTime(2018, 1, 2, 3, 4, 5, 6, 3600)]
    const values = [...(await knowsPoints(d) ? later : []), 1.5, true, null, 'grüße', [neo4j.int(1), 'a']]
    const got = (await inSession(d, s => s.run('RETURN $values AS v', { values }))).records[0].get('v')
    values.forEach((v, i) => must(String(got[i]) === String(v), `${v} came back as ${got[i]}`))
  },
  async failure (d) {
    await inSession(d, async s => {
      let code = 'none'
      try { await s.run('THIS IS NOT CYPHER') } catch (e) { code = e.code }
      must(code === 'Neo.ClientError.Statement.SyntaxError', code)
      must((await s.run('RETURN 1')).records.length === 1, 'the session does not go on')
      const tx = await s.beginTransaction()
      code = 'none'
      try { await tx.run('RETURN 1/0') } catch (e) { code = e.code }
      try { await tx.rollback() } catch (e) { }
      must(code === 'Neo.ClientError.Statement.ArithmeticError', code)
      must((await s.run('RETURN 1')).records.length === 1, 'nor after a transaction')
    })
  },
  async cancel (d) {
    const other = connect(password)
    const s = open(other)
    s.run('UNWIND range(1, 100000000) AS x RETURN x').subscribe({ onNext () { }, onCompleted () { }, onError () { } })
    await new Promise(resolve => setTimeout(resolve, 300))
    await other.close()
    must((await inSession(d, x => x.run('RETURN 1'))).records.length === 1, 'nothing works afterwards')
  },
  async sessions (d) {
    const n = await Promise.all(Array.from({ length: 200 }, (_, i) => inSession(d, s => i % 4 ? read(s, async tx => (await tx.run('RETURN $i AS i', { i: neo4j.int(i) })).records[0].get('i')) : write(s, async tx => { await add(tx, tag + 's'); return i }))))
    n.forEach((v, i) => must(number(v) === i, `session ${i} got ${v}`))
    must(await inSession(d, s => count(s, tag + 's')) === 50, 'not all were written')
  },
  async password () {
    const wrong = connect('wrong')
    let code = 'none'
    try { await inSession(wrong, s => s.run('RETURN 1')) } catch (e) { code = e.code }
    await wrong.close()
    must(code === 'Neo.ClientError.Security.Unauthorized', code)
  },
  async reactive (d) {
    if (major < 4) return 'skip'
    const { firstValueFrom, toArray, concatMap } = require(path.join(folder, 'node_modules/rxjs'))
    const ops = major < 5 ? require(path.join(folder, 'node_modules/rxjs/operators')) : { toArray, concatMap }
    const s = d.rxSession()
    const stream = s.run('UNWIND range(1, 1000) AS x RETURN x').records().pipe(ops.toArray())
    const all = await (firstValueFrom ? firstValueFrom(stream) : stream.toPromise())
    const closed = s.close()
    await (firstValueFrom ? firstValueFrom(closed, { defaultValue: 0 }) : closed.toPromise())
    must(all.length === 1000, `${all.length} records`)
  }
}

// Writes one after the other, managed, until a line comes on stdin; says which were acknowledged.
async function loop (d) {
  let stop = false
  let errors = 0
  process.stdin.once('data', () => { stop = true })
  for (let i = 0; !stop; i++) {
    try {
      await inSession(d, s => write(s, tx => tx.run('CREATE (n:F {who: $tag, i: $i})', { tag, i: neo4j.int(i) })))
      console.log(`wrote ${tag} ${i}`)
    } catch (e) {
      errors++
      console.log(`error ${tag} ${e.code}: ${e.message}`.replace(/\n/g, ' '))
    }
  }
  console.log(`end ${tag} ${errors}`)
  process.stdin.unref()
}

async function main () {
  const d = connect(password)
  if (only[0] === 'loop') await loop(d)
  for (const name of Object.keys(cases)) {
    if (only.length && !only.includes(name)) continue
    let timer
    const late = new Promise((resolve, reject) => { timer = setTimeout(() => reject(new Error('not done in 240 s')), 240000) })
    try {
      const r = await Promise.race([cases[name](d), late])
      console.log(`${r === 'skip' ? 'skip' : 'ok'} ${name}`)
    } catch (e) {
      console.log(`not ok ${name}: ${e.code || ''} ${e.message}`.replace(/\n/g, ' '))
    }
    clearTimeout(timer)
  }
  await d.close()
}
main().then(() => process.exit(0), e => { console.log(`not ok main: ${e.message}`); process.exit(1) })

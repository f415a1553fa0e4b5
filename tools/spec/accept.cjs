// Judges recorded runs of the program (docs/spec/traces.md). That is: the functions `accept` and `finish` of
// docs/spec/accept.qnt do, in Quint's own evaluator; this file only turns lines of JSON into Quint's values. (Parsing
// them as Quint's text would take far longer than judging them.)
'use strict';
const fs = require('fs');
const path = require('path');
const { builder, Evaluator, expression, newRng, newTraceRecorder, parse, rv } = require('./quint.cjs');

const folder = path.join(__dirname, '../../docs/spec');

// ---- The specification's functions -----------------------------------------------------------------------------

/// For logs of this window: it takes the place of the W of log.qnt.
function specificationFor(window) {
  const log = path.join(folder, 'log.qnt');
  const text = fs.readFileSync(log, 'utf8').replace(/pure val W = \d+/, `pure val W = ${window}`);
  const spec = parse(path.join(folder, 'accept.qnt'), new Map([[log, text]]));
  const rng = newRng(1n);
  const evaluator = new Evaluator(spec.table, newTraceRecorder(0, rng, 1), rng, false);
  const checked = result => {
    if (result.isLeft()) throw new Error(`${result.value.code}: ${result.value.message}`);
    return result.value;
  };
  const value = text => checked(builder.buildExpr(evaluator.builder, expression(spec, text))(evaluator.ctx));
  const accept = value('(a, e) => accept(a, e)').toArrow();
  const finish = value('a => finish(a)').toArrow();
  return {
    nothing: value('nothingYet'),
    accept: (state, event) => checked(accept(evaluator.ctx, [state, event])),
    finish: state => checked(finish(evaluator.ctx, [state])),
  };
}

const specifications = new Map();
function specification(window) {
  if (!specifications.has(window)) specifications.set(window, specificationFor(window));
  return specifications.get(window);
}

// ---- Lines as events -------------------------------------------------------------------------------------------

const int = n => rv.mkInt(BigInt(n));
const bool = b => rv.mkBool(b);
const str = s => rv.mkStr(s);
const unit = rv.mkTuple([]);
const record = fields => rv.mkRecord(Object.entries(fields));
const event = (label, fields) => rv.mkVariant(label, record(fields));
const flags = names => rv.mkSet(names.map(name => rv.mkVariant(name, unit)));
const history = entries => rv.mkList(entries.map(([seal, first, names]) =>
  record({ seal: int(seal), first: int(first), flags: flags(names) })));

/// Of one run: objects get the numbers that the clients of writer.qnt give them, in place of their hashes.
class Trace {
  constructor(window) {
    this.window = window;
    this.ids = new Map([['0000000000000000', -1]]);
    this.made = new Map();
    this.wrong = undefined;
  }

  id(hash) { return int(this.ids.has(hash) ? this.ids.get(hash) : this.number(hash, 0)); }

  number(hash, writer) {
    const made = this.made.get(writer) ?? 0;
    this.made.set(writer, made + 1);
    this.ids.set(hash, writer * 10000 + made);
    return this.ids.get(hash);
  }

  object(o) {
    if (!this.ids.has(o.id)) this.number(o.id, o.writer);
    // A log that a loser of the race for the first place would have made.
    if (o.window !== this.window && o.seq !== 0) this.wrong = 'an object of another window';
    return record({
      id: this.id(o.id), kind: rv.mkVariant(o.kind, unit), seq: int(o.seq), epoch: int(o.epoch),
      writer: int(o.writer), first: int(o.first), records: int(o.records), link: this.id(o.link),
      flags: flags(o.flags), start: int(o.start), lowest: int(o.lowest), anchor: int(o.anchor),
      durable: int(o.durable), history: history(o.history),
    });
  }
}

const mirrorState = s => record({ begins: int(s.begins), beginsOffset: int(s.beginsOffset), keeps: bool(s.keeps),
                                  copied: int(s.copied) });
const checkpoint = c => record({ anchor: int(c.anchor), history: history(c.history),
                                 mirror: rv.mkSet(c.mirror.map(mirrorState)) });
// One that is garbled is none.
const checkpoints = c => rv.mkSet(typeof c === 'string' ? [] : [checkpoint(c)]);

function sends(e, trace) {
  const by = int(e.by);
  switch (e.what) {
    case 'put object': return event('Puts', { by, object: trace.object(e.object) });
    case 'put checkpoint': return event('PutsCheckpoint', { by, checkpoint: checkpoint(e.checkpoint) });
    case 'remove': return event('Removes', { by, seqs: rv.mkSet(e.seqs.map(int)) });
    case 'get checkpoint': case 'list': case 'get header': case 'get object': case 'promotion':
    case 'put claim': case 'get revoked': case 'get claim': case 'list claims': case 'revoke claim':
    case 'remove claim':
      return event('Asks', { by, task: str(e.for), what: str(e.what) });
    default: return undefined;
  }
}

function sees(e, trace) {
  if (e.nothing) return event('SeesNothing', { by: int(e.by) });
  return event('Sees', { by: int(e.by), tail: int(e.tail), offset: int(e.offset), newest: trace.id(e.newest),
                         start: int(e.start), lowest: int(e.lowest), history: history(e.history) });
}

const told = { not_written: 'not written', unknown: 'unknown', fenced: 'fenced' };

/// What is not listed here is no event, and the trace is refused.
const events = {
  sends,
  sees,
  serves: e => event('Serves', { by: int(e.by), task: str(e.for), what: str(e.what), seq: int(e.seq),
                                 more: bool(e.more), claim: str(e.claim ?? '') }),
  hears: (e, t) => event('Hears', { by: int(e.by), task: str(e.for), what: str(e.what), seq: int(e.seq),
                                    says: str(e.says), found: e.found === undefined ? int(-1) : t.id(e.found) }),
  'object lands': (e, t) => event('ObjectLands', { id: t.id(e.id) }),
  'checkpoint lands': e => event('CheckpointLands', { checkpoint: checkpoint(e.checkpoint) }),
  'deletion lands': e => event('DeletionLands', { seq: int(e.seq) }),
  'checkpoint becomes': e => event('CheckpointBecomes', { checkpoint: checkpoints(e.checkpoint) }),
  'claim lands': e => event('ClaimLands', { claim: str(e.claim) }),
  'revocation lands': e => event('RevocationLands', { claim: str(e.claim) }),
  'claim goes': e => event('ClaimGoes', { claim: str(e.claim) }),
  loses: e => event('Loses', { seq: int(e.seq) }),
  opens: e => event('Opens', { by: int(e.by), purpose: rv.mkVariant(e.purpose, unit) }),
  owns: (e, t) => event('Owns', { by: int(e.by), seal: t.id(e.seal), next: int(e.next), offset: int(e.offset),
                                  history: history(e.history) }),
  trims: e => event('Trims', { by: int(e.by), before: int(e.before), ended: int(e.ended) }),
  acknowledges: (e, t) => event('Acknowledges', { by: int(e.by), id: t.id(e.id) }),
  ends: (e, t) => event('Ends', { by: int(e.by), why: str(e.why), fates: rv.mkSet(e.fates.map(([id, what]) =>
    record({ id: t.id(id), told: str(told[what]) }))) }),
  closes: e => event('Closes', { by: int(e.by) }),
  'is told': e => event('IsTold', { by: int(e.by), why: str(e.why), at: int(e.at) }),
  looks: e => event('Looks', { by: int(e.by) }),
  delivers: (e, t) => event('Delivers', { by: int(e.by), id: t.id(e.id), from: int(e.from) }),
};

// ---- Lines about mirrors ---------------------------------------------------------------------------------------

const ofMirror = (label, fields) => rv.mkVariant('OfMirror', fields ? event(label, fields) : rv.mkVariant(label, unit));
const readsThere = e => event('Asks', { by: int(e.by), task: str('reading there'), what: str(e.what) });
const isSweepsListing = e => e.for === 'sweep' && e.what === 'list';

/// In the store that is mirrored to.
const eventsThere = {
  sends: (e, t) => {
    const by = int(e.by);
    if (e.for === 'look') return ofMirror('LooksAtCopy', { by, seq: int(e.seq) });
    if (isSweepsListing(e)) return ofMirror('ListsCopies', { by });
    switch (e.what) {
      case 'put object':
        return ofMirror(e.for === 'put' ? 'PutsCopy' : 'PutsOther', { by, object: t.object(e.object) });
      case 'put checkpoint': return ofMirror('PutsMirrorCheckpoint', { by, checkpoint: checkpoint(e.checkpoint) });
      case 'remove': return ofMirror('RemovesCopies', { by, seqs: rv.mkSet(e.seqs.map(int)) });
      default: return sends(e, t) && readsThere(e);
    }
  },
  serves: e => isSweepsListing(e) ? ofMirror('ListsCopies', { by: int(e.by) }) : readsThere(e),
  hears: (e, t) => {
    const by = int(e.by);
    if (e.for === 'put') return ofMirror('HearsOfCopy', { by, seq: int(e.seq), says: str(e.says) });
    if (e.for === 'checkpoint') return ofMirror('HearsOfMirrorCheckpoint', { by, says: str(e.says) });
    if (e.for !== 'look') return readsThere(e);
    return ofMirror('FindsCopy', { by, seq: int(e.seq), found: e.found === undefined ? int(-1) : t.id(e.found) });
  },
  'object lands': (e, t) => ofMirror('CopyLands', { id: t.id(e.id) }),
  'checkpoint lands': e => ofMirror('MirrorCheckpointLands', { checkpoint: checkpoint(e.checkpoint) }),
  'deletion lands': e => ofMirror('CopyIsRemoved', { seq: int(e.seq) }),
  'checkpoint becomes': e => ofMirror('MirrorCheckpointBecomes', { checkpoint: checkpoints(e.checkpoint) }),
};

function mirror(e, trace) {
  const at = { seq: int(e.seq), epoch: int(e.epoch), offset: int(e.offset), link: trace.id(e.link),
               owned: bool(e.owned) };
  return record({
    ended: bool(false), next: record(at), copies: rv.mkMap([]),
    history: history(e.history.filter(([seal]) => seal <= e.epoch)),
    state: mirrorState({ ...e.mirror, copied: e.offset }), anchor: int(e.anchor),
    said: int(e.said ? e.anchor : -1), lowest: int(e.anchor < 0 ? 0 : e.lowest), barrier: bool(false),
  });
}

Object.assign(events, {
  'copies from': (e, t) => ofMirror('CopiesFrom', { by: int(e.by), start: mirror(e, t) }),
  takes: (e, t) => ofMirror('Takes', { by: int(e.by), id: t.id(e.id) }),
  'copies no more': e => ofMirror('CopiesNoMore', { by: int(e.by) }),
  'is promoted': () => ofMirror('IsPromoted'),
});

// ---- Traces ----------------------------------------------------------------------------------------------------

/// That of the object that made the log.
function windowOf(lines) {
  const made = lines.find(e => e.event === 'object lands' && !e.there);
  return lines.find(e => e.event === 'sends' && e.object !== undefined && (!made || e.object.id === made.id))
    ?.object.window ?? 1;
}

const refusal = state => state.toOrderedMap().get('refused').toStr();

/// Why the trace is refused, and at which event; nothing if it is accepted.
function judge(lines) {
  const trace = new Trace(windowOf(lines));
  const spec = specification(trace.window);
  let state = spec.nothing;
  for (const [i, line] of lines.entries()) {
    const refused = why => ({ why, at: i + 1, event: JSON.stringify(line) });
    let next;
    try {
      next = (line.there ? eventsThere : events)[line.event]?.(line, trace);
      if (next === undefined || trace.wrong !== undefined) return refused(trace.wrong ?? 'no such event');
      state = spec.accept(state, next);
    } catch (error) {
      return refused(`no event of the specification: ${error.message}`);
    }
    if (refusal(state) !== '') return refused(refusal(state));
  }
  state = spec.finish(state);
  return refusal(state) === '' ? undefined : { why: refusal(state), at: lines.length, event: 'the end' };
}

/// The runs in a file of `varve_sim --record`. (The last line of a process that was ended may be cut off.)
function read(file) {
  const runs = [];
  for (const line of fs.readFileSync(file, 'utf8').split('\n').slice(0, -1)) {
    const event = JSON.parse(line);
    if (event.event === 'run') runs.push({ seed: event.seed, lines: [] });
    else runs.at(-1).lines.push(event);
  }
  return runs;
}

/// The names of all events that there are.
const kinds = [...Object.keys(events), ...Object.keys(eventsThere).map(name => `${name} there`)];
const kindOf = line => line.there ? `${line.event} there` : line.event;

module.exports = { kindOf, kinds, judge, read };

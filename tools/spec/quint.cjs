// Quint's own parser, type checker and simulator, called in this process: parsing once warm takes a fraction of what
// starting `quint` takes, and there are dozens of runs. What each run does is what `quint run --backend=typescript`
// does with the same seed, samples and steps.
'use strict';
const fs = require('fs');
const path = require('path');
const root = path.join(__dirname, '../../build/spec/node_modules');
const quint = name => require(path.join(root, '@informalsystems/quint/dist/src', name));

const { newIdGenerator } = quint('idGenerator');
const frontend = quint('parsing/quintParserFrontend');
const { analyzeModules } = quint('quintAnalyzer');
const { Evaluator } = quint('runtime/impl/evaluator');
const { newTraceRecorder } = quint('runtime/trace');
const { newRng } = quint('rng');
const { walkExpression } = quint('ir/IRVisitor');
const { rv } = quint('runtime/impl/runtimeValue');
const builder = quint('runtime/impl/builder');
const { prettyQuintEx } = quint('graphics');
const { format } = quint('prettierimp');

/// Reads files, or what stands for them in `replaced` (path -> text).
function resolver(replaced) {
  const at = file => replaced.get(file) ?? fs.readFileSync(file, 'utf8');
  return {
    lookupPath: (base, name) => {
      const normalizedPath = path.normalize(path.join(base, name));
      return { normalizedPath, toSourceName: () => normalizedPath };
    },
    load: lookup => {
      const { left, right } = require(path.join(root, '@sweet-monads/either'));
      try {
        return right(at(lookup.normalizedPath));
      } catch (error) {
        return left(error.message);
      }
    },
    stempath: lookup => path.dirname(lookup.normalizedPath),
    at,
  };
}

/// The specification whose main module is in `file`; throws with all errors.
function parse(file, replaced = new Map()) {
  const idGen = newIdGenerator();
  const source = resolver(replaced);
  const main = source.lookupPath(path.dirname(file), path.basename(file));
  const first = frontend.parsePhase1fromText(idGen, source.at(main.normalizedPath), main.normalizedPath);
  const spec = frontend.parsePhase4toposort(
    frontend.parsePhase3importAndNameResolution(frontend.parsePhase2sourceResolution(idGen, source, main, first)));
  fail(spec, spec.errors);
  return { ...spec, idGen, main: path.basename(file, '.qnt') };
}

function fail(spec, errors) {
  if (errors.length === 0) return;
  throw new Error(errors.map(error => {
    const at = spec.sourceMap.get(error.reference);
    return `${at ? `${at.source}:${at.start.line + 1}: ` : ''}${error.code}: ${error.message ?? JSON.stringify(error)}`;
  }).join('\n'));
}

function typecheck(spec) {
  const [errors] = analyzeModules(spec.table, spec.modules);
  if (errors.length !== 0) {
    throw new Error(errors.map(([id, error]) => {
      const at = spec.sourceMap.get(id);
      return `${at ? `${at.source}:${at.start.line + 1}: ` : ''}${error.location ?? ''} ${error.message ?? ''}`;
    }).join('\n'));
  }
}

function expression(spec, text) {
  const parsed = frontend.parseExpressionOrDeclaration(text, '<input>', spec.idGen, spec.sourceMap);
  if (parsed.kind !== 'expr') throw new Error(`'${text}' is not an expression`);
  spec.resolver.switchToModule(spec.main);
  walkExpression(spec.resolver, parsed.expr);
  fail(spec, spec.resolver.errors);
  return parsed.expr;
}

/// Random runs. The result says which invariants broke (none: []), how often each witness was seen, after how many
/// samples, and the states of the run that broke one.
function simulate(spec, { seed, samples, steps, step = 'step', invariants, witnesses = [] }) {
  const rng = newRng(BigInt(seed));
  const evaluator = new Evaluator(spec.table, newTraceRecorder(0, rng, 1), rng, false);
  const all = invariants.length === 0 ? 'true' : `and(${invariants.join(', ')}, true)`;
  const outcome = evaluator.simulate(expression(spec, 'init'), expression(spec, step), expression(spec, all),
                                     witnesses.map(w => expression(spec, w)), samples, steps, 1);
  if (outcome.status === 'error') fail(spec, outcome.errors);
  const states = outcome.bestTraces[0]?.states ?? [];
  const violated = outcome.status === 'violation' ? invariants.filter(i => !holds(spec, states.at(-1), i)) : [];
  return { violated, witnessed: outcome.witnessingTraces, samples: outcome.samples, states };
}

function holds(spec, state, text) {
  const rng = newRng(1n);
  const evaluator = new Evaluator(spec.table, newTraceRecorder(0, rng, 1), rng, false);
  const expr = expression(spec, text);
  evaluator.evaluate(expr);
  evaluator.updateState(state);
  const value = evaluator.evaluate(expr);
  return !(value.isRight() && value.value.kind === 'bool' && !value.value.value);
}

/// Runs the `run` definition `name` once; the error, if it fails.
function test(spec, name, seed = 1) {
  const rng = newRng(BigInt(seed));
  const evaluator = new Evaluator(spec.table, newTraceRecorder(0, rng, 1), rng, false);
  const main = spec.modules.find(m => m.name === spec.main);
  const def = main.declarations.find(d => d.kind === 'def' && d.name === name);
  if (!def) throw new Error(`no run is called ${name}`);
  const result = evaluator.test({ ...def, depth: 0 }, 1, 0, undefined);
  if (result.status === 'passed') return undefined;
  return result.errors.map(e => {
    const at = spec.sourceMap.get(e.reference);
    return `${at ? `${at.source}:${at.start.line + 1}: ` : ''}${e.code}: ${e.message}`;
  }).join('\n') || result.status;
}

function show(value) { return format(110, 0, prettyQuintEx(value)); }

module.exports = { parse, typecheck, expression, simulate, holds, test, show, rv, builder, Evaluator, newRng,
                   newTraceRecorder };

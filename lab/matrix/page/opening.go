package page

// opening is what a reader must know before the tables.
const opening = `# The matrix: check, through programs that people use

Load balancers, tunnels and relays are put between a client and a server, and
nobody is told what they do to a connection on the way. Here a number of them
were put between ` + "`echod check`" + ` and an honest echo, one at a time, first as their
documentation shows them, then, where there is one, in the configuration that
mends what was found.

` + "```" + `
                ┌─────────────┐──▶ echod serve   an honest echo
echod check ──▶ │ the program │──▶ echod agent   tells what the far side saw
   │            └─────────────┘──▶ nobody        a port that is closed
   └─────────── --direct ────────▶ echod serve and agent, with nothing between
` + "```" + `

Everything ran on 127.0.0.1. The same rules, with the same bytes, were put to the
echo directly: it passed all of them each time, so what fails here is the
program's. The inetds are echo servers themselves, with nothing behind them: they
were checked alone, and without the rules about a far side and a closed port.

A verdict is of this version in this configuration on this day. A program that
fails a rule is not a bad program: most of the rules that fail are about a
connection's end, and many protocols never look at that. Whether yours does is
the question that this page can help with.

Four words are needed:

* A **FIN** ends one direction in order: "that was all from me". The other
  direction may go on; such a connection is **half-closed**. ` + "`echo x | nc`" + `, a
  client that uploads and then waits for the answer, and ` + "`tar c | nc`" + ` live on it.
* A **reset** ends both directions at once: "something broke, trust nothing".
* A **premature-eof** is a FIN that came while bytes were still owed. It is the
  worst of the ends, because it looks like the right one: the client takes half an
  answer for all of it.

What each rule does is in [rules.md](rules.md).
`

const confirmed = `Where it says **plain sockets**, check's finding did not stand alone. After check
was done, the same was tried three times through the same running program with a
client and a far end of a few lines each, which share no code with check
([experiments.go](../lab/matrix/lab/experiments.go)).
`

// repeat is how to do by hand what the lab does.
const repeat = `## Do it yourself

Every chapter shows a program that listens on port 9000 and leads to 7007. With
an honest echo behind it, and each command in a terminal of its own:

` + "```" + `
$ echod serve --listen tcp://127.0.0.1:7007
$ socat TCP-LISTEN:9000,bind=127.0.0.1,fork,reuseaddr TCP:127.0.0.1:7007
$ echod check --direct tcp://127.0.0.1:7007 tcp://127.0.0.1:9000
` + "```" + `

For the rules that ask the far side (resets, who ends first) the same program must
also lead to an agent, and for stream/refused to a port where nobody listens:

` + "```" + `
$ echod agent --listen tcp://127.0.0.1:7008
$ socat TCP-LISTEN:9001,bind=127.0.0.1,fork,reuseaddr TCP:127.0.0.1:7008
$ socat TCP-LISTEN:9002,bind=127.0.0.1,fork,reuseaddr TCP:127.0.0.1:7009
$ echod check --direct tcp://127.0.0.1:7007 --agent tcp://127.0.0.1:9001 \
    --direct-agent tcp://127.0.0.1:7008 --closed tcp://127.0.0.1:9002 tcp://127.0.0.1:9000
` + "```" + `

That is what was run here, with ` + "`--format json`" + `; the numbers in the summary lead
to what it wrote. How to have all the programs is in
[matrix/README.md](../lab/matrix/README.md).
`

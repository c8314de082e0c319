package page

// opening is the text before the tables.
const opening = `# Check through other programs

Load balancers, tunnels and relays are between a client and a server. Their documentation
rarely says what they do to a connection. Here ` + "`echod check`" + ` tests an honest echo server
through such programs, one at a time: first in the default configuration of their
documentation, then, if there is one, in a configuration that fixes the failures.

![A table of rules and programs. Every program fails some rules, most fail the rules about resets, and about half lose the reply after a half-close. The summary below has the same failures in words](matrix.svg)

Each column is a row of the [summary](#summary). ` + "`echod report`" + ` draws such a table from your own
[reports](report.md#the-page), too.

` + "```" + `
                ┌─────────────┐──▶ echod serve   an honest echo server
echod check ──▶ │ the program │──▶ echod agent   reports what the server side saw
   │            └─────────────┘──▶ closed port   nothing listens
   └─────────── --direct ────────▶ echod serve and echod agent, without the program
` + "```" + `

Everything runs on 127.0.0.1. Check also runs the same rules with the same bytes directly
against the echo server. There all rules pass each time, so the program causes the failures
below. The inetds are echo servers, not proxies. They are tested alone, without the rules
that need an agent or a closed port. Some programs are TLS terminators: check speaks TLS to
them, and they speak TCP to the echo server and the agent.

A verdict is valid for this version in this configuration on this day. A program that
fails a rule is not a bad program: most of these rules are about the end of a connection,
and many protocols do not depend on it. This page helps to find out whether yours does.

Five terms:

* A **FIN** ends one direction: "I have sent everything". The other direction may continue.
  Such a connection is **half-closed**. ` + "`echo x | nc`" + `, ` + "`tar c | nc`" + `, and clients that send a
  request and then wait for the answer use this.
* A **reset** ends both directions at once and means an error.
* A **premature-eof** is a FIN that comes while bytes are still owed. It is the worst end of
  a connection, because the client believes that it has received everything.
* A **close_notify** ends one direction of a stream of TLS. A FIN without it means that the
  stream was **truncated**, by an attacker or by a process that died. A TLS terminator should
  turn a FIN into a close_notify and a reset into an end without it, and the reverse.

[rules.md](rules.md) describes each rule.
`

// confirmed explains the results of experiments.
const confirmed = `**Plain sockets** are experiments that confirm a failure without check. After check has run,
a client and a server of a few lines each, which share no code with check, try the same
three times through the running program
([experiments.go](../lab/matrix/lab/experiments.go)).
`

// repeat explains how to run a test by hand.
const repeat = `## Repeat a test

Each chapter shows a program that listens on port 9000 and forwards to port 7007. Start an
honest echo server behind it, and each command in its own terminal:

` + "```" + `
$ echod serve --listen tcp://127.0.0.1:7007
$ socat TCP-LISTEN:9000,bind=127.0.0.1,fork,reuseaddr TCP:127.0.0.1:7007
$ echod check --direct tcp://127.0.0.1:7007 tcp://127.0.0.1:9000
` + "```" + `

The rules that need an agent (resets, and which side closes first) need a second port of
the program that forwards to an agent. stream/refused needs a third one that forwards to a
port where nothing listens:

` + "```" + `
$ echod agent --listen tcp://127.0.0.1:7008
$ socat TCP-LISTEN:9001,bind=127.0.0.1,fork,reuseaddr TCP:127.0.0.1:7008
$ socat TCP-LISTEN:9002,bind=127.0.0.1,fork,reuseaddr TCP:127.0.0.1:7009
$ echod check --direct tcp://127.0.0.1:7007 --agent tcp://127.0.0.1:9001 \
    --direct-agent tcp://127.0.0.1:7008 --closed tcp://127.0.0.1:9002 tcp://127.0.0.1:9000
` + "```" + `

Before a TLS terminator, check needs URLs with tls:// and the CA of the certificate, which
is that of ` + "`echod cert`" + ` in the directory of the program:

` + "```" + `
$ echod check --tls-ca ca.pem --direct tcp://127.0.0.1:7007 --agent tls://127.0.0.1:9001 \
    --direct-agent tcp://127.0.0.1:7008 --closed tls://127.0.0.1:9002 tls://127.0.0.1:9000
` + "```" + `

These are the commands that were run here, with ` + "`--format json`" + `. The numbers in the summary
are links to the reports. [lab/matrix/README.md](../lab/matrix/README.md) says how to get the
programs.
`

// notTested lists what no setup tests.
const notTested = `* **Rules that take minutes** (` + "`--long`" + `: how long an idle connection is kept). They test
  timeouts that an operator configures, and most are documented.
* **UDP**. These programs were tested with TCP and TLS only.
`

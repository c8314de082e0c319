// Package trial carries out one case: it starts a program, makes its calls fail
// while clients talk to it, and judges what became of both by the promises in
// docs/promises.md.
package trial

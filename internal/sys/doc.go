// Package sys is the kernel seam: every system call that a hand-written engine
// makes, and every reading of a clock, goes through the one interface Kernel.
//
// Three kernels stand behind it. [Linux] is the real one. Package sys/sim holds
// a simulated one, whose calls fail on purpose and whose runs can be repeated.
// A test may wrap either to count or to refuse what it likes.
//
// The seam costs an interface call, about 2 ns, where one echoed message costs
// about 5,000 ns of server time.
package sys

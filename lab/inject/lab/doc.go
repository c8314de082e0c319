// Package lab starts the program under test and strace, and reads from /proc what
// they do.
//
// Every command has a process group of its own, and the kernel kills it when the
// thread that started it ends (prctl(2), PR_SET_PDEATHSIG): a caller locks its
// goroutine to a thread, and holds that for as long as its commands run.
package lab

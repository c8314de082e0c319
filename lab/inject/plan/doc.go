// Package plan says which system calls are made to fail, with which errno, when
// and in which program. It starts nothing.
package plan

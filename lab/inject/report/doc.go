// Package report writes the results of trials for people and for programs.
package report

// Package server makes a service of listeners and engines: it checks the whole
// configuration before anything is bound ([NewPlan]), starts one engine server
// for each engine that the listeners name, says so to the log and to the
// service manager, and drains them all when it is told to stop ([Plan.Run]).
//
// It moves no bytes and knows no engine by name.
package server

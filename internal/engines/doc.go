// Package engines is the one table of engines, and what "auto" picks from it.
package engines

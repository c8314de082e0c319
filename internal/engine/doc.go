// Package engine is the contract between the service and the engines that move
// its bytes: what an engine is ([Engine], [Caps]), what it is given ([Config],
// [Limits], [Budget]), what it becomes ([Server]) and what it tells ([Stats]).
//
// It holds no engine. Package enginetest proves that one keeps the contract.
package engine

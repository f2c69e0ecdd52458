// Package faults makes a simulator answer worse, in the ways in which care
// record systems and the networks before them have been seen to: refuse, dawdle,
// break off, send something else than was asked for, or something that looks
// right and is not.
//
// A Rule says which requests, and which Fault they meet. An Injector holds rules
// and is a simulator.Layer. What it does depends on its seed and on the order of
// the requests alone: the same requests in the same order meet the same faults.
//
//	in := faults.New(faults.Options{Seed: 1},
//		faults.Rule{Match: faults.Match{Type: "Observation", Page: 3}, Fault: faults.Status(500)},
//		faults.Rule{Match: faults.Match{Every: 5}, Fault: faults.Delay(2 * time.Second)})
//	s := simulator.New(simulator.Options{Layers: []simulator.Layer{in.Layer}})
//	…
//	in.Set() // calm
//
// Every rule that matches a request takes part, the first one outermost. A rule
// matches only requests that its fault can do something to: a fault of pages
// needs a search or a history, one of the CapabilityStatement needs metadata.
//
// Parse reads rules from YAML; the simulator's README describes each of them.
//
// A layer sees requests and answers, and nothing of what lies behind. How a
// server pages, what it remembers and what it refuses on principle is its
// Behaviour.
package faults

// Package faults makes a simulator fail in the ways in which care record systems and
// networks were seen to fail: it refuses, delays, breaks off, sends something other than
// was asked for, or sends something that only looks right.
//
// A Rule says which requests meet which Fault. An Injector holds rules and is a
// simulator.Layer. It depends on its seed and the order of the requests only: the same
// requests in the same order meet the same faults.
//
//	in := faults.New(faults.Options{Seed: 1},
//		faults.Rule{Match: faults.Match{Type: "Observation", Page: 3}, Fault: faults.Status(500)},
//		faults.Rule{Match: faults.Match{Every: 5}, Fault: faults.Delay(2 * time.Second)})
//	s := simulator.New(simulator.Options{Layers: []simulator.Layer{in.Layer}})
//	…
//	in.Set() // no faults any more
//
// All rules that match a request apply, the first one outermost. A rule matches only
// requests to which its fault can apply: a fault of pages needs a search or a history, a
// fault of the CapabilityStatement needs metadata.
//
// Parse reads rules from YAML. The README of carerecordsim describes the format.
//
// A layer sees requests and answers only. How a server pages, caches and refuses on
// principle is its Behaviour.
package faults

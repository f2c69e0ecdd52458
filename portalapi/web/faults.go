package web

import "strings"

// maxFaults is how many faults of a body are told at once.
const maxFaults = 50

// Faults collects what is wrong with a body: the first fault of each field, in order, and at most
// fifty.
type Faults struct {
	list []Fault
	has  map[string]bool
}

// Add adds a fault of a field. The detail must not hold the field's value.
func (f *Faults) Add(parameter, detail string) {
	if f.has[parameter] || f.Full() {
		return
	}
	if f.has == nil {
		f.has = make(map[string]bool)
	}
	f.has[parameter] = true
	f.list = append(f.list, Fault{parameter, detail})
}

// Any reports whether there are faults.
func (f *Faults) Any() bool { return len(f.list) > 0 }

// Full reports whether no further faults are told.
func (f *Faults) Full() bool { return len(f.list) >= maxFaults }

// Err returns a problem with all faults, or nil if there are none.
func (f *Faults) Err() error {
	if !f.Any() {
		return nil
	}
	p := Invalid(f.list[0].Parameter, f.list[0].Detail)
	p.Faults = f.list
	return p
}

type faultJSON struct {
	Pointer string `json:"pointer"` // RFC 6901 §6
	Detail  string `json:"detail"`
}

// toPointer turns the name of a field, like items[3].role, into a JSON pointer.
var toPointer = strings.NewReplacer("[", "/", "].", "/", "]", "", ".", "/")

func faultsJSON(faults []Fault) []faultJSON {
	list := make([]faultJSON, len(faults))
	for i, f := range faults {
		list[i] = faultJSON{"#", f.Detail}
		if f.Parameter != "" {
			list[i].Pointer = "#/" + toPointer.Replace(f.Parameter)
		}
	}
	return list
}

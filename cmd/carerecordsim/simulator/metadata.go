package simulator

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

type object = map[string]any

// metadata answers with the CapabilityStatement, made from the tables that searches use.
func (s *Server) metadata(r *http.Request) (answer, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return answer{}, &outcome{http.StatusMethodNotAllowed, "not-supported", "metadata can only be read"}
	}
	rest := object{"mode": "server", "resource": s.capabilities()}
	if s.o.Token != "" {
		rest["security"] = object{"description": "A bearer token in the Authorization header."}
	}
	body, err := json.Marshal(object{
		"resourceType": "CapabilityStatement",
		"status":       "active",
		"date":         "2025-01-01",
		"kind":         "instance",
		"software":     object{"name": "carerecordsim"},
		"implementation": object{
			"description": "A simulated care record system with fictional dossiers",
			"url":         s.base(r),
		},
		"fhirVersion": "4.0.1",
		"format":      []string{"application/fhir+json", "json"},
		"rest":        []object{rest},
	})
	return answer{status: http.StatusOK, body: body}, err
}

func (s *Server) capabilities() []object {
	types := map[string]bool{}
	for typ := range parametersOf {
		types[typ] = true
	}
	for _, typ := range s.archive.Types() {
		types[typ] = true
	}
	codes, history := []string{"read", "update", "delete", "create", "search-type"}, !s.o.Behaviour.NoHistory
	if history {
		codes = append(codes, "vread", "history-instance")
	}
	if history && !s.o.Behaviour.NoTypeHistory {
		codes = append(codes, "history-type")
	}
	var list []object
	for _, typ := range slices.Sorted(maps.Keys(types)) {
		list = append(list, object{
			"type":         typ,
			"interaction":  interactions(codes...),
			"versioning":   "versioned",
			"readHistory":  history,
			"updateCreate": true,
			"searchParam":  s.searchParams(typ),
		})
	}
	return list
}

func interactions(codes ...string) []object {
	var list []object
	for _, code := range codes {
		list = append(list, object{"code": code})
	}
	return list
}

func (s *Server) searchParams(resourceType string) []object {
	var list []object
	add := func(name, kind string) {
		if !s.o.Behaviour.ignores(name) {
			list = append(list, object{"name": name, "type": kind})
		}
	}
	add("_id", "token")
	add("_lastUpdated", "date")
	if s.o.Behaviour.ListsDeleted {
		add("_deleted", "token")
	}
	for _, p := range slices.Concat(commonParameters, parametersOf[resourceType]) {
		add(p.name, string(p.kind))
	}
	return list
}

package fhir

import (
	"context"
	"errors"
	"slices"
	"strings"

	"dossiersync/sync/source"
)

// Describe implements [source.Source]. A server without a CapabilityStatement is
// taken for one that speaks R4; one that states another version is refused.
func (s *Source) Describe(ctx context.Context) (source.Description, error) {
	const act = "read metadata"
	d := source.Description{Types: slices.Clone(s.types)}
	ans, err := s.client.get(ctx, request{act: act, kind: "metadata", url: s.base.JoinPath("metadata")})
	d.Now = serverTime(ans.header)
	if source.KindOf(err) == source.NotFound {
		return d, nil
	}
	if err != nil {
		return d, err
	}
	r := &resource{limits: s.limits}
	if r.load(ans.body) != nil {
		return d, invalid(act, ans, errNotJSON)
	}
	switch r.get("resourceType").str() {
	case "CapabilityStatement", "Conformance": // the latter is what DSTU2 calls it
	case "OperationOutcome":
		return d, invalid(act, ans, plain("an OperationOutcome instead of a CapabilityStatement: "+issueCode(ans.body)))
	default:
		return d, invalid(act, ans, plain("not a CapabilityStatement"))
	}
	software := r.get("software")
	d.Software = cut(join(software.get("name").str(), software.get("version").str()), 100)
	if version := r.get("fhirVersion").str(); !isR4(version) {
		return d, &source.Failure{Kind: source.WrongVersion, Act: act, Err: wrongVersion(version)}
	}
	d.Holds = searchable(r)
	return d, nil
}

// searchable names the types that r, a CapabilityStatement, says can be searched
// for.
func searchable(r *resource) []string {
	var names []string
	for _, rest := range r.get("rest").each() {
		if rest.get("mode").str() == "client" {
			continue
		}
		for _, of := range rest.get("resource").each() {
			name := of.get("type").str()
			for _, can := range of.get("interaction").each() {
				if can.get("code").str() == "search-type" && isTypeName(name) {
					names = append(names, name)
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// isR4 reports whether resources of the version can be read. R4B (4.3.0) is R4
// in all that is read here.
func isR4(version string) bool {
	return version == "" || version == "4.0" || strings.HasPrefix(version, "4.0.") || strings.HasPrefix(version, "4.3.")
}

func wrongVersion(version string) error {
	if len(version) > 20 || strings.Trim(version, "0123456789.-abcdefghijklmnopqrstuvwxyz") != "" {
		version = "of an unknown version"
	}
	return errors.New("FHIR " + version + "; dossiersync needs R4 (4.0.x)")
}

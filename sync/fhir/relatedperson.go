package fhir

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"dossiersync/store/dossier"
)

func (m *mapper) relatedPerson(r *resource, _ *envelope) (dossier.Content, verdict) {
	active := r.get("active")
	c := &dossier.Contact{
		Name:         m.nameOf(r.get("name")),
		Relationship: relationship(r.get("relationship")),
		Phone:        m.telecom(r.get("telecom"), "phone"),
		Email:        m.telecom(r.get("telecom"), "email"),
		Active:       !active.ok() || active.bool(),
		Ends:         m.ends(r.get("period").get("end")),
	}
	if c.Name == "" {
		return nil, hidden(dossier.HiddenEmpty)
	}
	return c, shown
}

// telecom returns the ContactPoint of the system among v that is to be used: of those that count
// today the one of the best rank, and of telephones of one rank a mobile one, which is the person's
// own. One without a rank comes after those that have one (FHIR R4, ContactPoint.rank).
func (m *mapper) telecom(v value, system string) string {
	type place struct{ rank, kind int64 }
	best, at := "", place{}
	for _, p := range v.each() {
		use := p.get("use").str()
		if p.get("system").str() != system || use == "old" || !m.counts(p.get("period")) {
			continue
		}
		is := place{rank: math.MaxInt64, kind: 1}
		if n, err := strconv.ParseInt(p.get("rank").literal(), 10, 32); err == nil {
			is.rank = n
		}
		if use == "mobile" || isMobile(p.get("_system")) {
			is.kind = 0
		}
		s := line(p.get("value").str())
		for _, scheme := range []string{"tel:", "mailto:"} {
			s = strings.TrimPrefix(s, scheme)
		}
		if s != "" && (best == "" || is.rank < at.rank || is.rank == at.rank && is.kind < at.kind) {
			best, at = s, is
		}
	}
	return best
}

// isMobile reports whether the extension that zib ContactInformation puts on a
// ContactPoint's system says mobile.
func isMobile(system value) bool {
	const url = "http://nictiz.nl/fhir/StructureDefinition/ext-CodeSpecification"
	concept := extension(system, url).get("valueCodeableConcept")
	return Code{Code: "MC"}.matches(appendConcept(nil, concept))
}

// relationship returns what a contact is to the client, in the words of the
// source, else in Dutch where the code is a common one.
func relationship(v value) string {
	var all []string
	for _, concept := range v.each() {
		s := dutchLine(concept.get("text"))
		if s == "" {
			s = dutchRelation(appendConcept(nil, concept))
		}
		if s == "" {
			s = words(concept)
		}
		if s != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return strings.Join(all, ", ")
}

// dutchRelation returns the Dutch word for the first of codes that has one; a
// kinship says more than a part played.
func dutchRelation(codes []Code) string {
	for _, table := range []struct {
		system string
		words  map[string]string
	}{{"http://terminology.hl7.org/CodeSystem/v3-RoleCode", kinship}, {"http://terminology.hl7.org/CodeSystem/v2-0131", partPlayed}} {
		for _, c := range codes {
			if w := table.words[c.Code]; w != "" && c.System == table.system {
				return w
			}
		}
	}
	return ""
}

// kinship holds the common codes of HL7 v3-RoleCode.
var kinship = map[string]string{
	"PRN": "ouder", "MTH": "moeder", "FTH": "vader", "NMTH": "moeder", "NFTH": "vader",
	"STPMTH": "stiefmoeder", "STPFTH": "stiefvader", "PRNFOST": "pleegouder", "PRNINLAW": "schoonouder",
	"MTHINLAW": "schoonmoeder", "FTHINLAW": "schoonvader",
	"CHILD": "kind", "DAU": "dochter", "SON": "zoon", "DAUC": "dochter", "SONC": "zoon", "NCHILD": "kind",
	"STPCHLD": "stiefkind", "STPDAU": "stiefdochter", "STPSON": "stiefzoon", "CHLDFOST": "pleegkind",
	"DAUINLAW": "schoondochter", "SONINLAW": "schoonzoon", "CHLDINLAW": "schoonkind",
	"SIB": "broer of zus", "BRO": "broer", "SIS": "zus", "NBRO": "broer", "NSIS": "zus",
	"BROINLAW": "zwager", "SISINLAW": "schoonzus",
	"SPS": "echtgenoot", "HUSB": "echtgenoot", "WIFE": "echtgenote", "DOMPART": "partner", "SIGOTHR": "partner",
	"FMRSPS": "ex-partner",
	"GRPRN":  "grootouder", "GRMTH": "oma", "GRFTH": "opa",
	"GRNDCHILD": "kleinkind", "GRNDDAU": "kleindochter", "GRNDSON": "kleinzoon",
	"AUNT": "tante", "UNCLE": "oom", "NIECE": "nicht", "NEPHEW": "neef", "NIENEPH": "neef of nicht", "COUSN": "neef of nicht",
	"FAMMEMB": "familielid", "EXT": "familielid", "FRND": "vriend(in)", "NBOR": "buur", "ROOM": "huisgenoot",
	"GUARD": "voogd", "POWATT": "gevolmachtigde", "HPOWATT": "gevolmachtigde", "RESPRSN": "verantwoordelijke",
}

// partPlayed holds HL7 v2-0131.
var partPlayed = map[string]string{
	"N": "naaste", "C": "contactpersoon bij nood", "E": "werkgever", "I": "verzekeraar", "O": "anders", "U": "onbekend",
}

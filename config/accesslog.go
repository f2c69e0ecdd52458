package config

// AccessLog is the record of who read what and when.
type AccessLog struct {
	KeepYears int // at least 5, as NEN 7513 asks
}

const (
	leastLogYears = 5
	mostLogYears  = 100
)

func (v value) accessLog() AccessLog {
	s := v.section()
	defer s.end()
	return AccessLog{KeepYears: s.key("keep_years").whole(leastLogYears, leastLogYears, mostLogYears)}
}

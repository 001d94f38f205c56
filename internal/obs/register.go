package obs

import "github.com/prometheus/client_golang/prometheus"

// Register registers all collectors, or none of them and gives the first one's error that was refused. A nil registerer
// takes nothing.
func Register(registerer prometheus.Registerer, collectors []prometheus.Collector) error {
	if registerer == nil {
		return nil
	}
	for i, c := range collectors {
		if err := registerer.Register(c); err != nil {
			Unregister(registerer, collectors[:i])
			return err
		}
	}
	return nil
}

// Unregister makes place for collectors of the same names. A nil registerer has nothing to forget.
func Unregister(registerer prometheus.Registerer, collectors []prometheus.Collector) {
	if registerer == nil {
		return
	}
	for _, c := range collectors {
		registerer.Unregister(c)
	}
}

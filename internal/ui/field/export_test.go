package field

// InOrder makes s draw in reading order, so that its drawing can be compared.
func (s *Secret) InOrder() {
	s.shuffle = func(n int) []int {
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		return order
	}
}

"""What people are told because they must act: seen in the books and by the clock, told by rules, taken on."""

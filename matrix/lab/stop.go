package lab

const hasDirect = false

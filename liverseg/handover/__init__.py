"""From trained networks to something that can be handed over: a model folder, a mask on a scan's own grid."""

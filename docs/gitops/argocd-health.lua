-- Health of a StoreCluster, for the key resource.customizations.health.storemanager.io_StoreCluster
-- of Argo CD's ConfigMap argocd-cm.
local health = { status = "Progressing", message = "the operator has not looked at it yet" }
local status = obj.status
if status == nil or status.observedGeneration ~= obj.metadata.generation then
  return health
end
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local function is(kind, value)
  return conditions[kind] ~= nil and conditions[kind].status == value
end
local function tell(name, kind)
  health.status = name
  health.message = conditions[kind].reason .. ": " .. conditions[kind].message
  return health
end
if is("Degraded", "True") then
  return tell("Degraded", "Degraded")
end
if is("Ready", "False") then
  return tell("Progressing", "Ready")
end
if is("Progressing", "True") then
  return tell("Progressing", "Progressing")
end
if is("Ready", "True") then
  return tell("Healthy", "Ready")
end
return health

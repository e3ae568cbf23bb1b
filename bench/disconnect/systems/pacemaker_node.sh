# One machine of a Pacemaker cluster without systemd, in namespaces of its own: $1 its name, $2 the folder that is its
# /etc/corosync. Ends with its last daemon.
set -e
mount --make-rprivate /
mount --bind "$2" /etc/corosync # before the memory disk on which it lies is covered
for folder in /run /dev/shm /var/lib/pacemaker /var/lib/corosync /var/log; do mount -t tmpfs tmpfs "$folder"; done
mkdir -p /run/lock /run/resource-agents /run/crm /var/log/pacemaker /var/log/cluster /var/log/corosync
for folder in cib cores pengine blackbox; do mkdir -p "/var/lib/pacemaker/$folder"; done
chown -R hacluster:haclient /var/lib/pacemaker /run/crm /var/log/pacemaker
chmod 750 /run/crm
hostname "$1"
corosync -f &
until corosync-quorumtool -s >/dev/null 2>&1; do sleep 0.2; done
pacemakerd -f &
wait
